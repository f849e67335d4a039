/** Whether a name leads to the farm, asked before a CA is: an order that can't succeed counts against its limits. */
import { randomBytes } from "node:crypto";
import { Resolver } from "node:dns/promises";
import * as http from "node:http";
import { shownLine } from "../../components/host/foreignText.cjs";

/** What was found of one name. */
export interface Lead {
  name: string;
  /** What DNS has for it. */
  addresses: string[];
  /** IPv6: a CA asks there first. */
  addresses6: string[];
  /** Why DNS was of no help. */
  dnsFailure?: string;
  /** What the name's addresses answered that are the site's; in the order they were asked, until one is right. */
  answers: { address: string; text: string }[];
  /** What they should answer. */
  wanted: string;
}

/** Why an order for the name would fail; undefined: it leads to the farm. Pure. */
export function issueIn(lead: Lead, vips: string[]): string | undefined {
  const { name, addresses, addresses6, dnsFailure, answers, wanted } = lead;
  const farm = `the site's VIPs are ${vips.join(", ")}`;
  if (dnsFailure !== undefined) return `${name} is not found in DNS (${dnsFailure}); ${farm}`;
  const elsewhere = addresses.filter((address) => !vips.includes(address));
  if (elsewhere.length > 0) return `${name} resolves to ${elsewhere.join(", ")}, not to this farm; ${farm}`;
  if (addresses6.length > 0)
    return `${name} has an AAAA record (${addresses6.join(", ")}), which a CA tries first, but this farm has no IPv6: remove the record`;
  if (answers.some(({ text }) => text === wanted)) return undefined;
  const said = answers.map(({ address, text }) => `${address}: ${shownLine(text)}`).join("; ");
  return `${name} resolves to this farm, but does not answer the CA's challenge correctly (${said}): check loopback-ha status`;
}

/** How names are asked. */
export interface Asker {
  /** Addresses of name servers in place of this machine's own. */
  resolvers?: string[];
  thumbprint: string;
}

const PATIENCE_MS = 5000;
const AT_ONCE = 16;

/** Asks DNS for each name, and one of its addresses for a challenge that does not exist. */
export async function ask(
  names: string[],
  vips: string[],
  { resolvers, thumbprint }: Asker,
): Promise<Lead[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  if (resolvers) resolver.setServers(resolvers);
  return inTurns(names, async (name) => {
    const token = randomBytes(16).toString("base64url");
    const lead: Lead = {
      ...{ name, addresses: [], addresses6: [], answers: [] },
      wanted: `${token}.${thumbprint}`,
    };
    try {
      lead.addresses = await resolver.resolve4(name);
    } catch (error) {
      return { ...lead, dnsFailure: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
    }
    lead.addresses6 = await resolver.resolve6(name).catch(() => []);
    for (const address of lead.addresses.filter((candidate) => vips.includes(candidate))) {
      const text = await answerOf(address, name, token);
      lead.answers.push({ address, text });
      if (text === lead.wanted) break;
    }
    return lead;
  });
}

/** A few at a time, their results in the order of the questions. */
export async function inTurns<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

const LONGEST_ANSWER = 500;

/** As a CA asks: by http, on port 80. What went wrong is an answer, too. */
function answerOf(address: string, name: string, token: string): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get({
      host: address,
      path: `/.well-known/acme-challenge/${token}`,
      headers: { host: name },
      agent: false,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    request.on("error", (error) =>
      resolve(error.name === "AbortError" || error.name === "TimeoutError" ? "no answer" : error.message),
    );
    request.on("response", (response) => {
      let text = "";
      const done = (): void => {
        request.destroy();
        resolve(response.statusCode === 200 ? text.trim() : `HTTP status ${response.statusCode}`);
      };
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
        if (text.length > LONGEST_ANSWER) done();
      });
      response.on("end", done).on("error", done);
    });
  });
}
