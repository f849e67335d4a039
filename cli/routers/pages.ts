/** What servers answer for sites' own pages (health.sh --pages), and which of them do worse than the others. Pure. */
import type { Round } from "../../components/host/installed";

/** What one server answered for one site's page. */
export interface PageAnswer {
  server: string;
  site: string;
  vip: string;
  /** The status; undefined: there was no answer in time. */
  status?: number;
  /** Of a site with https: the certificate that came, its first second as YYYYMMDDhhmmss, and whether it is for that name. */
  certificate?: { sha256: string; begins: string; named: boolean };
}

/** One round of questions. */
export interface Pages {
  answers: PageAnswer[];
  /** How many there was no time for. */
  unasked: number;
  /** Another run was at work on the router: its health checks may have redirected this one's. */
  busy: boolean;
}

/** A site's page on one server that is worse than on others. */
export interface WorsePage {
  site: string;
  server: string;
  vip: string;
  /** What it answers, in words. */
  answer: string;
  /** What others do. */
  elsewhere: string;
  /** Who these are. */
  others: string[];
}

/** @param lines as a machine sent them; a line with another word is ignored */
export function parsePages(lines: Round): Pages {
  const pages: Pages = { answers: [], unasked: 0, busy: false };
  for (const [state, ...cells] of lines) {
    if (state === "busy") pages.busy = true;
    else if (state === "unasked") pages.unasked += /^\d{1,9}$/.test(cells[0] ?? "") ? Number(cells[0]) : 0;
    else if (state === "ok" || state === "fail") {
      const answer = answerOf(cells);
      if (answer === "unasked") pages.unasked++;
      else if (answer) pages.answers.push(answer);
    }
  }
  return pages;
}

function answerOf(cells: string[]): PageAnswer | "unasked" | undefined {
  const [vip, label = "", , cause = "", , sha256 = "", begins = "", named] = cells;
  const [way, server, site, ...rest] = label.split(" ");
  if (way !== "page" || !server || !site || rest.length > 0) return undefined;
  if (cause === "unasked") return "unasked";
  const status = /^status ([1-5]\d\d)$/.exec(cause)?.[1];
  const certificate = /^[0-9a-f]{64}$/.test(sha256)
    ? { sha256, begins: /^\d{14}$/.test(begins) ? begins : "", named: named === "named" }
    : undefined;
  return {
    ...{ server, site, vip },
    ...(status === undefined ? {} : { status: Number(status) }),
    ...(certificate ? { certificate } : {}),
  };
}

const classOf = ({ status }: PageAnswer): number => Math.floor((status ?? 0) / 100);
const isGood = (kind: number): boolean => kind >= 1 && kind <= 3;
const wordsOf = ({ status }: PageAnswer): string => (status === undefined ? "no page" : `status ${status}`);
const dayOf = (begins: string): string => begins.replace(/^(\d{4})(\d\d)(\d\d).*/, "$1-$2-$3");

/**
 * Those that do worse than others, as the router compares before a move: by the status' first digit, and by certificates. A page
 * that no server has is no measure, and a server that answers for no site shows in its health.
 */
export function worsePages(answers: PageAnswer[]): WorsePage[] {
  const alive = new Set(answers.filter(({ status }) => status !== undefined).map(({ server }) => server));
  const bySite = new Map<string, Map<string, PageAnswer>>();
  for (const answer of answers) {
    if (!alive.has(answer.server)) continue;
    const own = bySite.get(answer.site) ?? new Map<string, PageAnswer>();
    bySite.set(answer.site, own);
    // Of several routers the first one's word.
    if (!own.has(answer.server)) own.set(answer.server, answer);
  }
  return [...bySite.values()].flatMap((own) => worseOf([...own.values()]));
}

function worseOf(answers: PageAnswer[]): WorsePage[] {
  const best = mostOf(answers.map(classOf).filter(isGood));
  if (best === undefined) return [];
  const good = answers.filter((answer) => classOf(answer) === best);
  const bad = answers.filter((answer) => classOf(answer) !== best);
  const named = good.filter(({ certificate }) => certificate?.named);
  const newest =
    named
      .map(({ certificate }) => certificate!.begins)
      .sort()
      .pop() ?? "";
  const fresh = named.filter(({ certificate }) => certificate!.begins === newest);
  const worse = (answer: PageAnswer, words: string, elsewhere: string, others: PageAnswer[]): WorsePage => ({
    ...{ site: answer.site, server: answer.server, vip: answer.vip, answer: words, elsewhere },
    others: others.map(({ server }) => server).sort(),
  });
  return [
    ...bad.map((answer) => worse(answer, wordsOf(answer), wordsOf(good[0]), good)),
    ...(fresh.length === 0 ? [] : good)
      .filter(({ certificate }) => certificate && !certificate.named)
      .map((answer) => worse(answer, "a certificate for another name", "one for its name", fresh)),
    ...named
      .filter(({ certificate }) => certificate!.begins < newest)
      .map((answer) =>
        worse(
          answer,
          `the certificate of ${dayOf(answer.certificate!.begins)}`,
          `that of ${dayOf(newest)}`,
          fresh,
        ),
      ),
  ];
}

/** The most frequent one; of several the least. */
function mostOf(kinds: number[]): number | undefined {
  const count = (kind: number): number => kinds.filter((other) => other === kind).length;
  return [...new Set(kinds)].sort((a, b) => count(b) - count(a) || a - b)[0];
}

/** As a sentence. */
export const describeWorse = ({ site, server, vip, answer, elsewhere, others }: WorsePage): string =>
  `site ${site} answers with ${answer} on ${server} (${vip}), but with ${elsewhere} on ${others.join(", ")}: check its document root, application and certificate on ${server}; until then no planned move takes it there`;
