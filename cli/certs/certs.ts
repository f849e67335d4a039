/** Certificates for the sites that need one: an account, orders, and one `up` that brings them to every server. */
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FarmModel, SiteModel } from "../../components/config";
import { printable } from "../../components/host/foreignText.cjs";
import { Reading, filesOfPair, problemsOf, readPair } from "../../components/webServerPool/tls/pair.cjs";
import { change } from "../edits/change";
import { CliError, Exit, UsageError } from "../terminal/exit";
import type { Preview } from "../pulumi/preview";
import { onInterrupt } from "../terminal/interrupt";
import { ChangedMeanwhile, Session } from "../pulumi/session";
import { siteNamed } from "../edits/site";
import type { Edit } from "../pulumi/stackFile";
import { Terminal } from "../terminal/output";
import { Hooks } from "../watch/hooks";
import { becomeTheOrderer } from "../watch/instance";
import type { Line } from "../watch/events";
import { Account, accountsIn, allThumbprints } from "./account";
import { caaDomainOf, planCaa } from "./caa";
import { Client, certbot, orderWords, registerWords } from "./client";
import { makePrivate, pairsFolderOf } from "./folder";
import { Journal, Order, keyOf, readJournal, withOrder, writeJournal } from "./journal";
import { Lead, ask, issueIn } from "./leads";
import { PlannedSite, Step, namesOf, plan } from "./plan";
import * as events from "./events";
import { listed } from "./listed";

/** Let's Encrypt's directory. */
export const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

export interface CertsOptions {
  /** Only these sites, and at once also where they have failed. Default: all. */
  sites?: string[];
  /** The CA's directory. Default: the last one, at first Let's Encrypt's. */
  server?: string;
  /** Where the CA writes to. Default: nowhere. */
  email?: string;
  /** Order for these sites also where they have a certificate that is good. */
  renew?: boolean;
  /** Say what would be ordered, and do nothing. */
  dryRun?: boolean;
  /** Write CAA records. */
  caa?: boolean;
  /** The CA's name in them. Default: as its directory says. */
  caaIssuer?: string;
  /** Addresses of name servers that are asked in place of this machine's own. */
  resolvers?: string[];
  /** So long a name that is not in DNS is asked for again. Default: 0. */
  dnsSeconds?: number;
  /** Order without asking whether names lead to the farm. */
  unchecked?: boolean;
  hookCommand?: string;
  hookUrl?: string;
}

/** What became of a site. */
export interface SiteResult extends Omit<PlannedSite, "step"> {
  /** As it was planned, or how it ended. */
  result: Exclude<Step, Step.Order> | "planned" | "ordered" | "refused" | "failed" | "interrupted";
}

/** What a run did. */
export interface CertsResult {
  server: string;
  /** The account; null: there is none yet, with --dry-run. */
  account: { uri: string; thumbprint: string } | null;
  sites: SiteResult[];
  /** Sites with new certificates that every server has now. */
  delivered: string[];
  /** Why a certificate that is here is not on every server. */
  undelivered?: string;
  /** What the operator should know. */
  notes: string[];
}

/** How long another run of the stack is waited for. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 3000;
/** How long a command may take from its change of the config to its hold of the stack. */
const SAME_MOVES_MS = 15_000;

/** A change of the config waits that is none of ours. */
class MovesWait extends UsageError {}

/** Why `certs` does not run `up`. */
function refuseMoves({ routers }: Preview): void {
  const moves = routers.flatMap((router) => router.moves.map(({ prefix }) => `${router.router}: ${prefix}`));
  if (moves.length > 0)
    throw new MovesWait(
      `the config has pending changes that would move traffic (${listed(moves)}); certs never moves traffic, so it has not run up. First run pulumi up --continue-on-error, then this again`,
    );
}

/** One run of `certs`. */
export class Certs {
  /** certbot's folder. */
  private readonly folder: string;
  private readonly client: Client;
  private readonly hooks: Hooks;
  /** Asked once: all that follows is done unasked. */
  private readonly unasked: Terminal;
  private readonly notes: string[] = [];
  private interrupted = false;
  private journal: Journal;

  private constructor(
    private readonly session: Session,
    private readonly terminal: Terminal,
    private readonly options: CertsOptions,
    private farm: FarmModel,
    /** The config's own `tls.folder`, or what it shall be. */
    private readonly pairs: string,
    /** What the config lacks. */
    private readonly lacking: Edit[],
  ) {
    this.folder = path.resolve(fs.realpathSync(session.folder), path.dirname(pairs));
    const { server } = options;
    this.journal = readJournal(this.folder, { stack: session.id, server: server ?? LETS_ENCRYPT });
    if (this.journal.stack !== session.id)
      throw new UsageError(
        `${this.folder} has the certificates of stack ${printable(this.journal.stack)}, but this is ${session.id}: give this stack its own folder with tls.folder, such as acme-${session.name}/live. Nothing was touched`,
      );
    if (server !== undefined) this.journal = { ...this.journal, server };
    this.client = { folder: this.folder, server: this.journal.server };
    this.unasked = new Terminal({ json: terminal.json, yes: true });
    const { hookCommand: command, hookUrl: url } = options;
    this.hooks = new Hooks({
      ...{ command, url, stack: session.id },
      onFailure: (hook, reason) =>
        terminal.warn(`the hook failed and did not get the line (${hook}: ${printable(reason)})`),
    });
  }

  /** @throws CliError when it can't be done */
  static async run(session: Session, terminal: Terminal, options: CertsOptions): Promise<CertsResult> {
    checkServer(options.server);
    if (
      options.caaIssuer !== undefined &&
      !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(options.caaIssuer)
    )
      throw new UsageError(
        `--caa-issuer: ${JSON.stringify(options.caaIssuer)} is not a domain name; use one such as letsencrypt.org`,
      );
    if (options.renew && !options.sites?.length)
      throw new UsageError(
        "--renew also renews certificates that are not due, and a CA limits orders: name the sites. Nothing was touched",
      );
    const farm = await session.farm();
    for (const name of options.sites ?? []) siteNamed(farm, name);
    const pairs = pairsFolderOf(farm);
    const lacking = farm.tls?.folder === undefined ? [{ path: ["tls", "folder"], value: pairs }] : [];
    const wanted = lacking.length > 0 ? (await session.draft(lacking)).farm : farm;
    const certs = new Certs(session, terminal, options, wanted, pairs, lacking);
    if (!options.dryRun) await becomeTheOrderer(certs.folder);
    const settled = onInterrupt(() => certs.interrupt());
    try {
      return await certs.run();
    } finally {
      settled();
      await certs.hooks.end();
    }
  }

  private interrupt(): void {
    if (this.interrupted) process.exit(Exit.Interrupted);
    this.interrupted = true;
    this.terminal.warn("interrupted: waiting for the order in progress; no further orders will start");
  }

  private async run(): Promise<CertsResult> {
    const known = accountsIn(this.folder, this.client.server);
    let account = known.find(({ thumbprint }) => thumbprint === this.thumbprint) ?? known.at(0);
    const planned = this.plan();
    for (const line of describePlan(planned, this.options.sites ?? [])) this.terminal.say(line);
    if (this.options.dryRun) return this.dryRun(planned, account);
    const orders = planned.filter(({ step }) => step === Step.Order);
    this.refuseForeignThumbprint(account);
    await this.agree(account, orders.length);
    account ??= await this.register();
    await this.prepare(account);
    const results = await this.orderAll(planned, account);
    const delivery = await this.deliver();
    return this.resultOf(results, account, delivery);
  }

  private get thumbprint(): string | undefined {
    return this.farm.tls?.acmeThumbprint;
  }

  private get sites(): SiteModel[] {
    const { sites } = this.options;
    return this.farm.sites.filter(({ name }) => !sites?.length || sites.includes(name));
  }

  private plan(): PlannedSite[] {
    const pairs = new Map(this.sites.map(({ name }): [string, Reading] => [name, this.read(name)]));
    return plan(this.sites, pairs, new Date(), this.journal, {
      named: new Set(this.options.sites),
      renew: this.options.renew,
    });
  }

  private read(site: string): Reading {
    return readPair(filesOfPair({ folder: this.pairs }, site), this.session.folder);
  }

  private async dryRun(planned: PlannedSite[], account: Account | undefined): Promise<CertsResult> {
    const results = planned.map((site) => ({
      ...site,
      result: site.step === Step.Order ? "planned" : site.step,
    }));
    if (account === undefined)
      this.notes.push(`there is no account at ${this.client.server} yet: one would be created`);
    const orders = planned.filter(({ step }) => step === Step.Order);
    // Before the servers know the thumbprint none of them can answer.
    const issues =
      account !== undefined && this.thumbprint === account.thumbprint
        ? await this.issues(orders, account)
        : new Map<string, string>();
    for (const [site, why] of issues) this.terminal.say(printable(events.refused(site, why).text));
    return this.resultOf(
      results.map(({ step: _, ...site }) => {
        const why = issues.get(site.site);
        return (why === undefined ? site : { ...site, result: "refused", why }) as SiteResult;
      }),
      account,
      { delivered: [] },
    );
  }

  /** Another client's account must go on to be answered. */
  private refuseForeignThumbprint(account: Account | undefined): void {
    if (this.thumbprint === undefined || account?.thumbprint === this.thumbprint) return;
    if (allThumbprints(this.folder).includes(this.thumbprint) || this.journal.orders.length > 0) return;
    throw new UsageError(
      `tls.acmeThumbprint belongs to an account that is not in ${this.folder}, so another ACME client orders for this farm. Keep using that client, or let certs take over: pulumi config rm --path tls.acmeThumbprint. Nothing was touched`,
    );
  }

  private async agree(account: Account | undefined, orders: number): Promise<void> {
    const what = [
      account === undefined ? `create an account at ${this.client.server} and agree to its terms` : "",
      orders > 0 ? `order ${orders === 1 ? "1 certificate" : `${orders} certificates`}` : "",
    ].filter((text) => text !== "");
    const isUp =
      this.lacking.length > 0 ||
      account?.thumbprint !== this.thumbprint ||
      this.wantsCaa ||
      this.undelivered().length > 0;
    if (what.length === 0 && !isUp) return;
    if (await this.terminal.agree(`${[...what, "update the servers"].join(", ")}?`)) return;
    throw new CliError("nothing was touched", Exit.Failed);
  }

  private async register(): Promise<Account> {
    makePrivate(this.folder);
    try {
      await certbot(registerWords(this.client, this.options.email));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new CliError(
        `no account could be created at ${this.client.server}: ${(error as Error).message}. Nothing was ordered, and no server was touched`,
      );
    }
    const [account] = accountsIn(this.folder, this.client.server);
    if (account === undefined)
      throw new CliError(`certbot created no account in ${this.folder}/accounts; nothing was ordered`);
    writeJournal(this.folder, this.journal);
    this.terminal.say(
      `created the account ${account.uri}; its key is in ${this.folder}/accounts: keep a backup of it`,
    );
    return account;
  }

  /** Everything that orders need of the config, in one `up`. */
  private async prepare(account: Account): Promise<void> {
    makePrivate(this.folder);
    const edits = [...this.lacking];
    if (this.thumbprint !== account.thumbprint)
      edits.push({ path: ["tls", "acmeThumbprint"], value: account.thumbprint });
    if (this.wantsCaa) edits.push(...(await this.caaEdits(account)));
    if (edits.length === 0 || this.interrupted) return;
    this.terminal.say("step 1: prepare every server to answer the CA:");
    try {
      const { farm } = await this.patiently(() =>
        change(this.session, this.unasked, "answer the CA", edits, { check: refuseMoves }),
      );
      this.farm = farm;
    } catch (error) {
      // One sick server keeps no site from its certificate: whether names are answered is asked below.
      if (!(error instanceof CliError) || error.exit !== Exit.Failed) throw error;
      this.farm = await this.session.farm();
      if (this.thumbprint !== account.thumbprint) throw error;
      this.notes.push(error.message);
      this.terminal.warn(error.message);
    }
  }

  private get wantsCaa(): boolean {
    return this.options.caa === true || this.options.caaIssuer !== undefined;
  }

  private async caaEdits(account: Account): Promise<Edit[]> {
    const { all } = await this.session.config();
    const zones = JSON.parse(all[`${this.session.project}:zones`] ?? "{}") as Parameters<typeof planCaa>[1];
    const domain = this.options.caaIssuer ?? (await caaDomainOf(this.client.server));
    const issuer = { domain, account: account.uri };
    const ours = new Set(
      this.plan()
        .filter(({ step }) => step !== Step.Skip)
        .map(({ site }) => site),
    );
    const sites = this.farm.sites.filter(({ name }) => ours.has(name));
    const { edits, notes } = planCaa(this.farm, zones, sites, issuer);
    for (const note of notes) this.terminal.say(note);
    this.notes.push(...notes);
    return edits;
  }

  /** @returns why a site can't be ordered for, by its name */
  private async issues(orders: PlannedSite[], { thumbprint }: Account): Promise<Map<string, string>> {
    const { resolvers, unchecked } = this.options;
    const found = new Map<string, string>();
    if (unchecked) return found;
    const sites = orders.map(({ site }) => siteNamed(this.farm, site));
    for (const site of sites) {
      const vips = [...site.vips, ...site.retiringVips];
      const leads = await this.ask(namesOf(site), vips, { resolvers, thumbprint });
      const issues = leads.flatMap((lead) => issueIn(lead, vips) ?? []);
      if (issues.length > 0) found.set(site.name, issues.join("; "));
    }
    return found;
  }

  /** A new name may take a while until the name server that is asked has it. */
  private async ask(...question: Parameters<typeof ask>): Promise<Lead[]> {
    for (const end = Date.now() + (this.options.dnsSeconds ?? 0) * 1000; ; await sleep(PAUSE_MS)) {
      const leads = await ask(...question);
      const isMissing = leads.some(({ dnsFailure }) => dnsFailure !== undefined);
      if (!isMissing || this.interrupted || Date.now() > end) return leads;
    }
  }

  private async orderAll(planned: PlannedSite[], account: Account): Promise<SiteResult[]> {
    // The config may have changed with the first run.
    const now = planned.length > 0 ? this.plan() : [];
    const results: SiteResult[] = [];
    for (const { step, ...site } of now) {
      if (step !== Step.Order) {
        results.push({ ...site, result: step });
        if (step === Step.Stopped) this.say(events.stopped(site.site, site.why));
      } else if (this.interrupted) results.push({ ...site, result: "interrupted" });
      else results.push(await this.orderOne({ step, ...site }, account));
    }
    return results;
  }

  private async orderOne(planned: PlannedSite, account: Account): Promise<SiteResult> {
    const { step: _, ...site } = planned;
    const issue = (await this.issues([planned], account)).get(site.site);
    if (issue !== undefined) {
      this.say(events.refused(site.site, issue));
      return { ...site, result: "refused", why: issue };
    }
    const key = keyOf(this.client.server, site.names);
    const order: Order = { at: new Date(), site: site.site, key, result: "begun" };
    this.note(withOrder(this.journal, order));
    const before = certificateIn(this.read(site.site));
    const failure = await certbot(orderWords(this.client, account.id, site.site, site.names)).catch(
      (error: unknown) => {
        if (error instanceof UsageError || !(error instanceof CliError)) throw error;
        return error.message;
      },
    );
    const after = this.read(site.site);
    // One that was ended in its last moment may have written it.
    if ("pair" in after && certificateIn(after) !== before) {
      const expires = new Date(after.pair.chain[0].validTo);
      this.note(withOrder(this.journal, { ...order, result: "ordered" }));
      this.say(events.ordered(site.site, site.names, expires.toISOString().slice(0, 10)));
      return { ...site, result: "ordered", expires };
    }
    const why =
      failure ??
      `certbot wrote no new certificate to ${path.join(this.pairs, site.site)}: if something other than certbot created that folder, move it away together with ${this.folder}/renewal/${site.site}.conf`;
    this.note(withOrder(this.journal, { ...order, result: "failed", text: why }));
    this.say(events.failed(site.site, why));
    return { ...site, result: "failed", why };
  }

  /** One `up` for all that was ordered, now or before. */
  private async deliver(): Promise<Pick<CertsResult, "delivered" | "undelivered">> {
    const lying = this.certificates();
    const sites = this.undelivered(lying);
    if (sites.length === 0 || this.interrupted) return { delivered: [] };
    this.terminal.say(`step 2: install the new certificates on every server: ${listed(sites)}`);
    try {
      await this.patiently(() =>
        change(this.session, this.unasked, "bring the certificates", [], { check: refuseMoves }),
      );
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      this.say(events.undelivered(sites, error.message));
      return { delivered: [], undelivered: error.message };
    }
    this.note({ ...this.journal, delivered: { ...this.journal.delivered, ...lying } });
    this.tell(events.delivered(sites));
    return { delivered: sites };
  }

  /** The SHA-256 of each certificate of ours that `up` would take, by site. */
  private certificates(): Record<string, string> {
    const found = this.plan()
      .filter(({ step }) => step !== Step.Skip)
      .flatMap(({ site, names }): [string, string][] => {
        const reading = this.read(site);
        if (!("pair" in reading) || problemsOf(reading.pair, names, new Date()).length > 0) return [];
        return [[site, reading.pair.chain[0].fingerprint256]];
      });
    return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Sites with a certificate that no `up` of ours has brought to the servers. */
  private undelivered(lying = this.certificates()): string[] {
    return Object.keys(lying).filter((site) => lying[site] !== this.journal.delivered[site]);
  }

  /** A flip that is on its way is waited for; a change of the config that nobody makes is not. */
  private async patiently<T>(work: () => Promise<T>): Promise<T> {
    let said = { text: "", since: 0 };
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        const { message: text, exit } = error as Partial<CliError> & Error;
        if (text !== said.text) said = { text, since: Date.now() };
        const waits = error instanceof MovesWait && Date.now() < said.since + SAME_MOVES_MS;
        const passes = waits || error instanceof ChangedMeanwhile || exit === Exit.Locked;
        if (!passes || this.interrupted || Date.now() > end) throw error;
        this.terminal.say(`${printableText([text])}\nthis may be temporary: retrying in a moment`);
      }
    }
  }

  private resultOf(
    sites: SiteResult[],
    account: Account | undefined,
    delivery: Pick<CertsResult, "delivered" | "undelivered">,
  ): CertsResult {
    const { server } = this.client;
    const shown = account === undefined ? null : { uri: account.uri, thumbprint: account.thumbprint };
    return { server, account: shown, sites, ...delivery, notes: this.notes };
  }

  /** Kept before anything goes on: a run that is killed has counted. */
  private note(journal: Journal): void {
    this.journal = journal;
    writeJournal(this.folder, journal);
  }

  private say(line: Line): void {
    this.terminal.say(printable(line.text));
    this.tell(line);
  }

  private tell(line: Line): void {
    this.hooks.tell(line, new Date());
  }
}

/** How a run ends. */
export function exitOf({ sites, undelivered }: CertsResult): Exit {
  if (sites.some(({ result }) => result === "interrupted")) return Exit.Interrupted;
  const bad: SiteResult["result"][] = ["refused", "failed", Step.Stopped];
  return undelivered !== undefined || sites.some(({ result }) => bad.includes(result))
    ? Exit.Failed
    : Exit.Ok;
}

/** What a run did, in lines. */
export function describeResult({ sites, delivered, undelivered, notes }: CertsResult): string {
  const of = (...results: SiteResult["result"][]): SiteResult[] =>
    sites.filter(({ result }) => results.includes(result));
  const list = (some: SiteResult[]): string => listed(some.map(({ site }) => site));
  const count = (some: SiteResult[]): string => (some.length === 1 ? "1 site" : `${some.length} sites`);
  const lines = [
    ...notes,
    ...(of("refused", "failed", Step.Stopped).length > 0
      ? [`not ordered, for the reasons above: ${list(of("refused", "failed", Step.Stopped))}`]
      : []),
    ...(of("planned").length > 0 ? [`would be ordered: ${list(of("planned"))}`] : []),
    ...(of(Step.Later).length > 0 ? [`left for a later run: ${list(of(Step.Later))}`] : []),
    ...(of("interrupted").length > 0
      ? [`interrupted before ${list(of("interrupted"))}: to continue, run this again`]
      : []),
    ...(undelivered === undefined
      ? []
      : ["not every server has the new certificates: fix what failed, then run this again"]),
    ...(delivered.length > 0 ? [`https with a new certificate: ${listed(delivered)}`] : []),
    ...(of(Step.Keep).length > 0 ? [`${count(of(Step.Keep))} with a certificate that is not due yet`] : []),
  ];
  return printableText(lines.length > 0 ? lines : ["nothing to do"]);
}

const printableText = (lines: string[]): string =>
  lines.map((text) => text.split("\n").map(printable).join("\n")).join("\n");

function describePlan(planned: PlannedSite[], named: string[]): string[] {
  // What the config leaves out is said to who has named it, and what nobody can order to all.
  const said = planned.filter(
    ({ site, step, names }) =>
      step === Step.Order ||
      (step === Step.Skip && (named.includes(site) || names.some((name) => name.startsWith("*.")))),
  );
  return said.map(({ site, step, why, names }) =>
    printable(
      step === Step.Order ? `${site}: will be ordered for ${listed(names)}: ${why}` : `${site}: ${why}`,
    ),
  );
}

function checkServer(server: string | undefined): void {
  if (server === undefined || (URL.canParse(server) && new URL(server).protocol === "https:")) return;
  throw new UsageError(
    `--server: ${JSON.stringify(server)} is not an https URL of a CA's directory; use one such as ${LETS_ENCRYPT}`,
  );
}

/** The SHA-256 of the certificate that lies there. */
const certificateIn = (reading: Reading): string | undefined =>
  "pair" in reading ? reading.pair.chain[0].fingerprint256 : undefined;
