/** `certs`: certificates for the sites that need one: an account, orders, and one `up` that brings them to every server. */
import { printable } from "../../components/host/foreignText.cjs";
import { siteNamed } from "../edits/site";
import type { Session } from "../pulumi/session";
import { CliError, Exit, UsageError } from "../terminal/exit";
import { onInterrupt } from "../terminal/interrupt";
import type { Terminal } from "../terminal/output";
import { becomeTheOrderer } from "../watch/instance";
import { Account, accountsIn, allThumbprints } from "./account";
import { deliver, prepare, undelivered } from "./delivery";
import * as events from "./events";
import { pairsFolderOf } from "./folder";
import { orderAll, orderIssues, register } from "./orders";
import { PlannedSite, Step } from "./plan";
import { CertsResult, SiteResult, describePlan } from "./result";
import { CertsOptions, LETS_ENCRYPT, Run } from "./run";

/**
 * Orders what is due and brings it to every server.
 * @throws CliError when it can't be done
 */
export async function orderCertificates(
  session: Session,
  terminal: Terminal,
  options: CertsOptions,
): Promise<CertsResult> {
  checkServer(options.server);
  if (options.caaIssuer !== undefined && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(options.caaIssuer))
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
  const run = new Run(session, terminal, options, wanted, pairs, lacking);
  if (!options.dryRun) await becomeTheOrderer(run.folder);
  const settled = onInterrupt(() => run.interrupt());
  try {
    return await runAll(run);
  } finally {
    settled();
    await run.hooks.end();
  }
}

async function runAll(run: Run): Promise<CertsResult> {
  const known = accountsIn(run.folder, run.client.server);
  let account = known.find(({ thumbprint }) => thumbprint === run.thumbprint) ?? known.at(0);
  const planned = run.plan();
  for (const line of describePlan(planned, run.options.sites ?? [])) run.terminal.say(line);
  if (run.options.dryRun) return dryRun(run, planned, account);
  const orders = planned.filter(({ step }) => step === Step.Order);
  refuseForeignThumbprint(run, account);
  await agree(run, account, orders.length);
  account ??= await register(run);
  await prepare(run, account);
  const results = await orderAll(run, planned, account);
  const delivery = await deliver(run);
  return resultOf(run, results, account, delivery);
}

async function dryRun(run: Run, planned: PlannedSite[], account: Account | undefined): Promise<CertsResult> {
  const results = planned.map((site) => ({
    ...site,
    result: site.step === Step.Order ? "planned" : site.step,
  }));
  if (account === undefined)
    run.notes.push(`there is no account at ${run.client.server} yet: one would be created`);
  const orders = planned.filter(({ step }) => step === Step.Order);
  // Until the servers have the thumbprint, none of them can answer the CA.
  const issues =
    account !== undefined && run.thumbprint === account.thumbprint
      ? await orderIssues(run, orders, account)
      : new Map<string, string>();
  for (const [site, why] of issues) run.terminal.say(printable(events.refused(site, why).text));
  return resultOf(
    run,
    results.map(({ step: _, ...site }) => {
      const why = issues.get(site.site);
      return (why === undefined ? site : { ...site, result: "refused", why }) as SiteResult;
    }),
    account,
    { delivered: [] },
  );
}

/** The servers must keep answering for an account that another client uses. */
function refuseForeignThumbprint(run: Run, account: Account | undefined): void {
  if (run.thumbprint === undefined || account?.thumbprint === run.thumbprint) return;
  if (allThumbprints(run.folder).includes(run.thumbprint) || run.journal.orders.length > 0) return;
  throw new UsageError(
    `tls.acmeThumbprint belongs to an account that is not in ${run.folder}, so another ACME client orders for this farm. Keep using that client, or let certs take over: pulumi config rm --path tls.acmeThumbprint. Nothing was touched`,
  );
}

async function agree(run: Run, account: Account | undefined, orders: number): Promise<void> {
  const what = [
    account === undefined ? `create an account at ${run.client.server} and agree to its terms` : "",
    orders > 0 ? `order ${orders === 1 ? "1 certificate" : `${orders} certificates`}` : "",
  ].filter((text) => text !== "");
  const isUp =
    run.lacking.length > 0 ||
    account?.thumbprint !== run.thumbprint ||
    run.wantsCaa ||
    undelivered(run).length > 0;
  if (what.length === 0 && !isUp) return;
  if (await run.terminal.agree(`${[...what, "update the servers"].join(", ")}?`)) return;
  throw new CliError("nothing was touched", Exit.Failed);
}

function resultOf(
  run: Run,
  sites: SiteResult[],
  account: Account | undefined,
  delivery: Pick<CertsResult, "delivered" | "undelivered">,
): CertsResult {
  const { server } = run.client;
  const shown = account === undefined ? null : { uri: account.uri, thumbprint: account.thumbprint };
  return { server, account: shown, sites, ...delivery, notes: run.notes };
}

function checkServer(server: string | undefined): void {
  if (server === undefined || (URL.canParse(server) && new URL(server).protocol === "https:")) return;
  throw new UsageError(
    `--server: ${JSON.stringify(server)} is not an https URL of a CA's directory; use one such as ${LETS_ENCRYPT}`,
  );
}
