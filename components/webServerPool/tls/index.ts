/** https of a pool: which certificates its servers must have, and what their commands need for it. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { ConfigError, pathText } from "../../base/problems";
import type { ServerArgs } from "../../host/ssh";
import { ServerState } from "../../network/serverState";
import { DesiredFiles, isLarge } from "../../host/payload.cjs";
import { UserError } from "../../base/userError";
import { renderHttps } from "../lineFormats.cjs";
import type { SiteArgs } from "../vhostTemplate";
import { heldCertificates } from "./held";
import { SITE_TLS } from "./defaults";
import { PoolTlsArgs } from "./options";
import { PairFolders, filesOfPair, hasPlace, parseChain, parsePair, problemsOf, readPair } from "./pair.cjs";
import { CertificatePlan, TlsSite, dependsOnState, judge, newestIssue, planCertificates } from "./plan";
import { MOST_ENTRIES, packPairs } from "./send.cjs";
import { TlsContext } from "./httpsTemplate";

export { PoolTlsArgs, SiteTlsArgs } from "./options";

/** A pool, as far as its certificates depend on it. */
export interface TlsPool {
  /** Sites by https and by http. */
  sites: SiteArgs[];
  tls: PoolTlsArgs | undefined;
  /** Resource name of the vhosts command of each server that is not down, by server. */
  commands: Map<string, string>;
}

/** @returns the sites that are served by https */
export function httpsSites({ sites, tls }: Pick<TlsPool, "sites" | "tls">): SiteArgs[] {
  return sites.filter(
    ({ tls: own }) =>
      own?.enabled !== false &&
      (tls?.folder !== undefined || own?.folder !== undefined || own?.certificate !== undefined),
  );
}

/** What the vhosts need; undefined: they know nothing of https. */
export function tlsContext(pool: Pick<TlsPool, "sites" | "tls">): TlsContext | undefined {
  const sites = httpsSites(pool);
  if (sites.length === 0 && pool.tls?.acmeThumbprint === undefined) return undefined;
  return {
    https: Object.fromEntries(
      [...sites]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, tls: own = {} }) => [
          name,
          renderHttps({
            minimum: own.minimum ?? SITE_TLS.minimum,
            redirect: own.redirect ?? SITE_TLS.redirect,
            hsts: own.hsts ?? SITE_TLS.hsts,
          }),
        ]),
    ),
    acmeThumbprint: pool.tls?.acmeThumbprint,
    tickets: pool.tls?.tickets ?? true,
  };
}

/** Where deliver.cjs and we find pairs. */
function foldersOf({ sites, tls }: Pick<TlsPool, "sites" | "tls">): PairFolders {
  const own = httpsSites({ sites, tls }).filter(({ tls: { folder, keys } = {} }) => folder ?? keys);
  const places = own.map(({ name, tls: { folder, keys } = {} }) => [name, { folder, keys }] as const);
  return {
    folder: tls?.folder,
    keys: tls?.keys,
    sites: places.length > 0 ? Object.fromEntries(places) : undefined,
  };
}

/**
 * Reads all pairs, and what the state has where one is missing or not sound.
 *
 * @param given certificates that come with the program, by site
 * @throws ConfigError with all reasons why the run must not begin
 */
function certificatePlan(pool: TlsPool, given: Record<string, string> = {}): Promise<CertificatePlan> {
  const sites = httpsSites(pool).map(({ name, serverName, aliases = [] }): TlsSite => ({
    name,
    names: [serverName, ...aliases],
  }));
  return makePlan(sites, foldersOf(pool), given, pool.commands);
}

/** Asked for and not fetched yet. */
let ahead: { key: string; plan: Promise<CertificatePlan> } | undefined;
const keyOf = (pool: TlsPool): string =>
  JSON.stringify([httpsSites(pool), foldersOf(pool), [...pool.commands]]);

/**
 * For a program that must know before it declares anything whether a run may begin: its pool gets this very plan, once. The
 * next run may be in the same process.
 *
 * @throws ConfigError with all reasons why the run must not begin
 */
export function planAhead(pool: TlsPool): Promise<CertificatePlan> {
  ahead = { key: keyOf(pool), plan: certificatePlan(pool) };
  return ahead.plan;
}

function planned(pool: TlsPool): Promise<CertificatePlan> | undefined {
  const found = ahead?.key === keyOf(pool) ? ahead.plan : undefined;
  ahead = undefined;
  return found;
}

async function makePlan(
  sites: TlsSite[],
  folders: PairFolders,
  given: Record<string, string>,
  commands: Map<string, string>,
): Promise<CertificatePlan> {
  const now = new Date();
  const judged = new Map(
    sites.map((site) => {
      const { name } = site;
      const files = filesOfPair(folders, name);
      const reading = Object.hasOwn(given, name) ? parseChain(given[name], sourceOf(name)) : readPair(files);
      return [name, { ...judge(site, reading, now), isGone: "missing" in reading && hasPlace(files) }];
    }),
  );
  const held = dependsOnState(judged.values()) ? await heldCertificates(commands) : new Map();
  const made = planCertificates(judged, held, [...commands.keys()], now);
  if (made.refusals.length > 0)
    throw new ConfigError(
      made.refusals.map(({ site, text }) => {
        const at = pathText(["sites", site, "tls"]);
        return { path: at, text: `${at}: ${text}` };
      }),
    );
  return made;
}

const sourceOf = (site: string): { chain: string; key: string } => ({
  chain: `certificate of ${site}`,
  key: `privateKey of ${site}`,
});

/** Name of a server's vhosts command; with its address it is the resource's. */
export const vhostsCommand = (pool: string, server: string): string => `${pool}-vhosts-${server}`;

/** For {@link TlsPool}. */
export const commandsOf = (pool: string, servers: ServerArgs[]): TlsPool["commands"] =>
  new Map(
    servers
      .filter(({ state }) => state !== ServerState.Down)
      .map(({ name, address }) => [name, `${vhostsCommand(pool, name)}-${address}`]),
  );

/** The plan of a pool some of whose certificates may come with the program; undefined: it has no https. To be asked once. */
export function plannedCertificates(pool: TlsPool): pulumi.Output<CertificatePlan> | undefined {
  if (httpsSites(pool).length === 0) return undefined;
  const pairs = Object.entries(givenPairs(pool));
  // Not as a value of an output's own, which the SDK would take apart.
  if (pairs.length === 0) {
    const known = planned(pool) ?? certificatePlan(pool);
    return pulumi.output(undefined).apply(() => known);
  }
  const certificates = Object.fromEntries(pairs.map(([site, { certificate }]) => [site, certificate]));
  return pulumi.output(certificates).apply((given) => certificatePlan(pool, given));
}

/** What one server's vhosts command needs in addition. */
export interface TlsParts {
  context: TlsContext;
  /** What each server must have. Absent: no site is served by https. */
  plan?: pulumi.Output<CertificatePlan>;
  secrets: Record<string, pulumi.Input<string>>;
  supplier?: { module: string; sources: unknown };
}

/** Everything that a pool's commands need for https; undefined: nothing. */
export function tlsParts(
  name: string,
  pool: TlsPool,
  plan: pulumi.Output<CertificatePlan> | undefined,
  opts: pulumi.CustomResourceOptions,
): TlsParts | undefined {
  const context = tlsContext(pool);
  if (!context || !plan) return context && { context, secrets: {} };
  const { parent } = opts;
  plan.apply(({ warnings, notes }) => {
    for (const text of warnings) void pulumi.log.warn(text, parent);
    for (const text of notes) void pulumi.log.info(text, parent);
  });
  const pairs = givenPairs(pool);
  const secrets: TlsParts["secrets"] = Object.keys(pairs).length > 0 ? pairSecrets(pairs) : {};
  if (context.tickets) {
    // Another one at the first renewal of a day.
    const keepers = plan.apply(({ lines }) => ({ issued: newestIssue(lines.values()) ?? "never" }));
    secrets.ticket = pulumi.secret(
      new random.RandomBytes(`${name}-tickets`, { length: 48, keepers }, opts).base64,
    );
  }
  const sources = foldersOf(pool);
  return { context, plan, secrets, supplier: { module: path.join(__dirname, "send.cjs"), sources } };
}

/** What a preview shows where the lines are packed in each server's command: those of the first. */
export const shownCertificates = (
  plan: pulumi.Output<CertificatePlan> | undefined,
): pulumi.Output<string | undefined> | undefined =>
  plan?.apply(({ lines: [[, lines] = ["", {}]] }) => (isLarge(lines) ? JSON.stringify(lines) : undefined));

/** A server's wanted files, with those that are about certificates. */
export function withCertificates(
  want: DesiredFiles,
  { context, plan }: TlsParts,
  server: string,
): DesiredFiles | pulumi.Output<DesiredFiles> {
  return plan
    ? plan.apply(({ lines }) => ({ ...want, ...certificateFiles(context, lines.get(server) ?? {}) }))
    : want;
}

function certificateFiles(context: TlsContext, lines: Record<string, string>): DesiredFiles {
  return {
    https: context.https,
    certificates: lines,
    ...(context.tickets ? { "private/ticket": "@SECRET:ticket@\n" } : {}),
  };
}

/** Pairs that come with the program, by site. */
function givenPairs(pool: TlsPool) {
  return Object.fromEntries(
    httpsSites(pool).flatMap(({ name, tls: { certificate, privateKey = "" } = {} }) =>
      certificate === undefined ? [] : [[name, { certificate, privateKey }] as const],
    ),
  );
}

/** Checked here, and not with the certificate: that is no secret, and is shown. */
function pairSecrets(pairs: ReturnType<typeof givenPairs>): Record<string, pulumi.Input<string>> {
  const entries = pulumi.secret(
    pulumi.output(pairs).apply((all) => {
      for (const [site, { certificate, privateKey }] of Object.entries(all)) {
        const reading = parsePair({ chain: certificate, key: privateKey }, sourceOf(site));
        const [problem] = "pair" in reading ? problemsOf(reading.pair, [], new Date()).slice(0, 1) : [];
        if ("broken" in reading) throw new UserError(`sites.${site}.tls: ${reading.broken}`);
        if (problem !== undefined && / is not the key of /.test(problem))
          throw new UserError(`sites.${site}.tls: ${problem}`);
      }
      const packed = packPairs(all);
      if (!packed)
        throw new UserError(
          `tls: ${Object.keys(all).length} certificates and keys are passed by the program, more than the 1 MB that a command can take: write them to a folder, and set the pool's tls.folder`,
        );
      return packed;
    }),
  );
  return Object.fromEntries(
    Array.from({ length: MOST_ENTRIES }, (_, i) => [`pairs${i}`, entries.apply((all) => all[i] ?? "")]),
  );
}
