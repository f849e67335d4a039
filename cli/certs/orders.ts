/** The CA's half of a run: an account, and an order for each site that needs one. */
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Reading } from "../../components/webServerPool/tls/pair.cjs";
import { siteNamed } from "../edits/site";
import { CliError, UsageError } from "../terminal/exit";
import { Account, accountsIn } from "./account";
import { certbot, orderWords, registerWords } from "./client";
import * as events from "./events";
import { makePrivate } from "./folder";
import { Order, keyOf, withOrder, writeJournal } from "./journal";
import { Lead, ask, issueIn } from "./leads";
import { PlannedSite, Step, namesOf } from "./plan";
import type { SiteResult } from "./result";
import type { Run } from "./run";

const PAUSE_MS = 3000;

/** Creates the account, and agrees to the CA's terms. */
export async function register(run: Run): Promise<Account> {
  makePrivate(run.folder);
  try {
    await certbot(registerWords(run.client, run.options.email));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new CliError(
      `no account could be created at ${run.client.server}: ${(error as Error).message}. Nothing was ordered, and no server was touched`,
    );
  }
  const [account] = accountsIn(run.folder, run.client.server);
  if (account === undefined)
    throw new CliError(`certbot created no account in ${run.folder}/accounts; nothing was ordered`);
  writeJournal(run.folder, run.journal);
  run.terminal.say(
    `created the account ${account.uri}; its key is in ${run.folder}/accounts: keep a backup of it`,
  );
  return account;
}

/** @returns why a site can't be ordered for, by its name */
export async function orderIssues(
  run: Run,
  orders: PlannedSite[],
  { thumbprint }: Account,
): Promise<Map<string, string>> {
  const { resolvers, unchecked } = run.options;
  const found = new Map<string, string>();
  if (unchecked) return found;
  const sites = orders.map(({ site }) => siteNamed(run.farm, site));
  for (const site of sites) {
    const vips = [...site.vips, ...site.retiringVips];
    const leads = await askUntilKnown(run, namesOf(site), vips, { resolvers, thumbprint });
    const issues = leads.flatMap((lead) => issueIn(lead, vips) ?? []);
    if (issues.length > 0) found.set(site.name, issues.join("; "));
  }
  return found;
}

/** A new name may take a while until the name server that is asked has it. */
async function askUntilKnown(run: Run, ...question: Parameters<typeof ask>): Promise<Lead[]> {
  for (const end = Date.now() + (run.options.dnsSeconds ?? 0) * 1000; ; await sleep(PAUSE_MS)) {
    const leads = await ask(...question);
    const isMissing = leads.some(({ dnsFailure }) => dnsFailure !== undefined);
    if (!isMissing || run.interrupted || Date.now() > end) return leads;
  }
}

/** Orders for one site after another. */
export async function orderAll(run: Run, planned: PlannedSite[], account: Account): Promise<SiteResult[]> {
  // The config may have changed with the first run.
  const now = planned.length > 0 ? run.plan() : [];
  const results: SiteResult[] = [];
  for (const { step, ...site } of now) {
    if (step !== Step.Order) {
      results.push({ ...site, result: step });
      if (step === Step.Stopped) run.say(events.stopped(site.site, site.why));
    } else if (run.interrupted) results.push({ ...site, result: "interrupted" });
    else results.push(await orderOne(run, { step, ...site }, account));
  }
  return results;
}

async function orderOne(run: Run, planned: PlannedSite, account: Account): Promise<SiteResult> {
  const { step: _, ...site } = planned;
  const issue = (await orderIssues(run, [planned], account)).get(site.site);
  if (issue !== undefined) {
    run.say(events.refused(site.site, issue));
    return { ...site, result: "refused", why: issue };
  }
  const key = keyOf(run.client.server, site.names);
  const order: Order = { at: new Date(), site: site.site, key, result: "begun" };
  run.note(withOrder(run.journal, order));
  const before = certificateIn(run.read(site.site));
  const failure = await certbot(orderWords(run.client, account.id, site.site, site.names)).catch(
    (error: unknown) => {
      if (error instanceof UsageError || !(error instanceof CliError)) throw error;
      return error.message;
    },
  );
  const after = run.read(site.site);
  // One that was ended in its last moment may have written it.
  if ("pair" in after && certificateIn(after) !== before) {
    const expires = new Date(after.pair.chain[0].validTo);
    run.note(withOrder(run.journal, { ...order, result: "ordered" }));
    run.say(events.ordered(site.site, site.names, expires.toISOString().slice(0, 10)));
    return { ...site, result: "ordered", expires };
  }
  const why =
    failure ??
    `certbot wrote no new certificate to ${path.join(run.pairs, site.site)}: if something other than certbot created that folder, move it away together with ${run.folder}/renewal/${site.site}.conf`;
  run.note(withOrder(run.journal, { ...order, result: "failed", text: why }));
  run.say(events.failed(site.site, why));
  return { ...site, result: "failed", why };
}

/** The SHA-256 of the certificate in the folder. */
const certificateIn = (reading: Reading): string | undefined =>
  "pair" in reading ? reading.pair.chain[0].fingerprint256 : undefined;
