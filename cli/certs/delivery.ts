/** The farm's half of a run: one `up` before the orders, so that every server answers the CA, and one that installs the certificates. */
import { setTimeout as sleep } from "node:timers/promises";
import { printableLines } from "../../components/host/foreignText.cjs";
import { problemsOf } from "../../components/webServerPool/tls/pair.cjs";
import { change } from "../edits/change";
import type { Preview } from "../pulumi/preview";
import { ChangedMeanwhile } from "../pulumi/session";
import type { Edit } from "../pulumi/stackFile";
import { CliError, Exit, UsageError } from "../terminal/exit";
import type { Account } from "./account";
import { caaDomainOf, planCaa } from "./caa";
import * as events from "./events";
import { makePrivate } from "./folder";
import { listed } from "./listed";
import { Step } from "./plan";
import type { CertsResult } from "./result";
import type { Run } from "./run";

/** How long to wait for another run of the stack. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 3000;
/** How long a command may take from its change of the config to its hold of the stack. */
const SAME_MOVES_MS = 15_000;

/** The config has a pending change that this command did not make. */
class MovesWait extends UsageError {}

/** Why `certs` does not run `up`. */
function refuseMoves({ routers }: Preview): void {
  const moves = routers.flatMap((router) => router.moves.map(({ prefix }) => `${router.router}: ${prefix}`));
  if (moves.length > 0)
    throw new MovesWait(
      `the config has pending changes that would move traffic (${listed(moves)}); certs never moves traffic, so it has not run up. First run pulumi up --continue-on-error, then this again`,
    );
}

/** Everything that orders need of the config, in one `up`. */
export async function prepare(run: Run, account: Account): Promise<void> {
  makePrivate(run.folder);
  const edits = [...run.lacking];
  if (run.thumbprint !== account.thumbprint)
    edits.push({ path: ["tls", "acmeThumbprint"], value: account.thumbprint });
  if (run.wantsCaa) edits.push(...(await caaEdits(run, account)));
  if (edits.length === 0 || run.interrupted) return;
  run.terminal.say("step 1: prepare every server to answer the CA:");
  try {
    const { farm } = await patiently(run, () =>
      change(run.session, run.unasked, "answer the CA", edits, { check: refuseMoves }),
    );
    run.farm = farm;
  } catch (error) {
    // One sick server must not keep sites from their certificates: each order first checks whether its names are answered.
    if (!(error instanceof CliError) || error.exit !== Exit.Failed) throw error;
    run.farm = await run.session.farm();
    if (run.thumbprint !== account.thumbprint) throw error;
    run.notes.push(error.message);
    run.terminal.warn(error.message);
  }
}

async function caaEdits(run: Run, account: Account): Promise<Edit[]> {
  const { all } = await run.session.config();
  const zones = JSON.parse(all[`${run.session.project}:zones`] ?? "{}") as Parameters<typeof planCaa>[1];
  const domain = run.options.caaIssuer ?? (await caaDomainOf(run.client.server));
  const issuer = { domain, account: account.uri };
  const ours = new Set(
    run
      .plan()
      .filter(({ step }) => step !== Step.Skip)
      .map(({ site }) => site),
  );
  const sites = run.farm.sites.filter(({ name }) => ours.has(name));
  const { edits, notes } = planCaa(run.farm, zones, sites, issuer);
  for (const note of notes) run.terminal.say(note);
  run.notes.push(...notes);
  return edits;
}

/** One `up` for all that was ordered, now or before. */
export async function deliver(run: Run): Promise<Pick<CertsResult, "delivered" | "undelivered">> {
  const lying = certificates(run);
  const sites = undelivered(run, lying);
  if (sites.length === 0 || run.interrupted) return { delivered: [] };
  run.terminal.say(`step 2: install the new certificates on every server: ${listed(sites)}`);
  try {
    await patiently(run, () =>
      change(run.session, run.unasked, "bring the certificates", [], { check: refuseMoves }),
    );
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    run.say(events.undelivered(sites, error.message));
    return { delivered: [], undelivered: error.message };
  }
  run.note({ ...run.journal, delivered: { ...run.journal.delivered, ...lying } });
  run.tell(events.delivered(sites));
  return { delivered: sites };
}

/** The SHA-256 of each certificate in the folder that `up` would take, by site. */
function certificates(run: Run): Record<string, string> {
  const found = run
    .plan()
    .filter(({ step }) => step !== Step.Skip)
    .flatMap(({ site, names }): [string, string][] => {
      const reading = run.read(site);
      if (!("pair" in reading) || problemsOf(reading.pair, names, new Date()).length > 0) return [];
      return [[site, reading.pair.chain[0].fingerprint256]];
    });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sites with a certificate that this command has not yet brought to the servers. */
export function undelivered(run: Run, lying = certificates(run)): string[] {
  return Object.keys(lying).filter((site) => lying[site] !== run.journal.delivered[site]);
}

/** Waits for another command's flip to finish; does not wait for a change of the config that no command is applying. */
async function patiently<T>(run: Run, work: () => Promise<T>): Promise<T> {
  let said = { text: "", since: 0 };
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      const { message: text, exit } = error as Partial<CliError> & Error;
      if (text !== said.text) said = { text, since: Date.now() };
      const waits = error instanceof MovesWait && Date.now() < said.since + SAME_MOVES_MS;
      const passes = waits || error instanceof ChangedMeanwhile || exit === Exit.Locked;
      if (!passes || run.interrupted || Date.now() > end) throw error;
      run.terminal.say(`${printableLines(text)}\nthis may be temporary: retrying in a moment`);
    }
  }
}
