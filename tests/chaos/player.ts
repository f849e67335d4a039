/** Plays sequences on a farm that lives on from one to the next, and compares with the model. */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Load, prepareServers, startLoad } from "../../lab/client";
import { ExecResult } from "../../lab/lab";
import { LoadRecord, now } from "../../lab/load/record";
import { File } from "../../lab/load/spec";
import { Farm, textOf } from "../lab/support";
import {
  adopt,
  booted,
  destroyOne,
  heldBy,
  inflict,
  isBase,
  mend,
  moveByHand,
  release,
  routesOf,
  secondStack,
  stackFile,
  takeOwnRoutesAway,
  tamper,
  up,
} from "./actions";
import {
  MACHINES,
  Pictures,
  addForeign,
  compare,
  differences,
  lacksAfterBoot,
  leftOvers,
  pictures,
  previewProblems,
} from "./check";
import { Stretch, unexplained } from "./losses";
import {
  BASE,
  Config,
  Fault,
  Outcome,
  PREFIXES,
  SERVERS,
  Server,
  World,
  after,
  configsOf,
  holdsAfter,
  makesSense,
  mayLoseDuring,
  mustFail,
  mustSucceed,
  wellAt,
} from "./model";
import { Mutant, plant } from "./mutants";
import { Machine, Sequence, Step, words } from "./sequence";

/** For so long after a step what it made possible may still happen: a boot's last service, a supervisor's turn, a client's patience. */
const SETTLE_MS = 4000;
/** A load lasts 180 s at most; no step may begin later than that after its begin. */
const LOAD_SECONDS = 100;
/** Faults that end no run half-way: a change that finds no room is taken back. */
const DISKS: readonly Fault[] = [Fault.FullDisk, Fault.NearlyFullDisk];
/** The guard finds a death within a second; what another admin or a reboot does takes its time before. */
const [GUARD_MS, GUARD_AT_MOST_MS] = [1500, 8000];
const DOCUMENT_ROOTS = ["/srv/www/widgetco", "/srv/www/gadgets"];
const FILE_BYTES = 3_000_000;

/** What became of a sequence. */
export interface Verdict {
  problems: string[];
  seconds: number;
  /** Everything that was printed and seen, for whoever looks for the cause. */
  log: string;
}

/** A farm, and the sequences that are played on it. */
export class Player {
  private readonly farm = new Farm();
  private world: World = wellAt(BASE);
  private guarded = false;
  private base = "";
  private file!: File;
  private load?: Load;
  private loadEnds = 0;
  private records: LoadRecord[] = [];
  private stretches: Stretch[] = [];
  private problems: string[] = [];
  private log: string[] = [];
  /** A run since the last that succeeded did not get to its end by somebody's fault. */
  private doubtful = false;
  private readonly serials = new Map<string, number>();
  private foreign: Pictures = new Map();

  /** A farm on new machines, with another admin's things beside it. */
  static async build(mutant?: Mutant, guarded = false): Promise<Player> {
    const player = new Player();
    const { farm } = player;
    player.guarded = guarded;
    player.world = wellAt(BASE, guarded);
    await farm.lab.down();
    await farm.begin();
    if (mutant) plant(mutant, farm.project.copy);
    await addForeign(farm.lab);
    for (const root of DOCUMENT_ROOTS) player.file = await prepareServers(farm.lab, root, FILE_BYTES);
    player.foreign = await pictures(farm.lab);
    player.base = fs.readFileSync(player.stackFile, "utf8");
    player.write(BASE);
    await farm.start();
    return player;
  }

  /** The stack's file, as the operator writes it. */
  private write(config: Config): void {
    fs.writeFileSync(this.stackFile, stackFile(this.base, config, this.guarded));
  }

  private get stackFile(): string {
    return this.farm.project.file(`Pulumi.${this.farm.project.stack}.yaml`);
  }

  /** Ends it, whatever state it is in. */
  async remove(): Promise<void> {
    await this.stopLoad().catch(() => undefined);
    this.farm.project.remove();
    await this.farm.lab.down();
  }

  /** Plays a sequence; `preview`: and sees that a preview afterwards has nothing to say. */
  async play({ steps, destroyed }: Sequence, preview: boolean): Promise<Verdict> {
    const began = Date.now();
    [this.records, this.stretches, this.problems, this.log] = [[], [], [], []];
    try {
      await this.toBase();
      for (const step of steps) await this.take(step);
      await this.recover();
      await this.stopLoad();
      this.judge();
      if (preview) this.problems.push(...(await previewProblems(this.farm.project)));
      if (destroyed && this.problems.length === 0) await this.destroyAndBuild();
    } catch (error) {
      this.problems.push((error as Error).stack ?? String(error));
    }
    await this.stopLoad().catch((error: Error) => this.problems.push(error.message));
    return { problems: this.problems, seconds: (Date.now() - began) / 1000, log: this.log.join("\n") };
  }

  private say(line: string): void {
    this.log.push(`${new Date().toISOString().slice(11, 23)} ${Math.round(now())} ${line}`);
  }

  private async startLoad(): Promise<void> {
    const { farm } = this;
    const targets = [
      ...farm.targets(),
      ...farm.targets(farm.vips.map(sameSubnet)).map((it) => ({ ...it, serverName: "www.gadgets.example" })),
    ];
    this.load = await startLoad(farm.lab, {
      targets,
      requestsPerSecond: 50,
      downloads: { count: 90, seconds: 8, everyMs: 1000, file: this.file },
      idle: PREFIXES.length,
    });
    this.loadEnds = Date.now() + LOAD_SECONDS * 1000;
  }

  private async stopLoad(): Promise<void> {
    const load = this.load;
    this.load = undefined;
    if (load) this.records.push(await load.stop());
  }

  /** The config from which every sequence begins, in force. */
  private async toBase(): Promise<void> {
    await this.startLoad();
    const { config } = this.world;
    const down = SERVERS.filter((server) => config.states[server] === "down");
    if (down.length > 0) {
      const states = { ...config.states };
      for (const server of down) states[server] = "maintenance";
      await this.settleAt({ ...config, states });
    }
    if (!isBase(config)) await this.settleAt(BASE);
  }

  /** A run on a farm that is well: it must succeed, and nothing may be lost. */
  private async settleAt(config: Config): Promise<void> {
    const result = await this.run(config);
    if (result.code !== 0) throw new Error(`up failed on a farm that is well: ${textOf(result)}`);
    this.world = after(
      wellAt(config, this.guarded),
      { kind: "up", change: { what: "nothing" } },
      { succeeded: true, routed: await routesOf(this.farm.lab) },
    );
  }

  private async run(config: Config, step?: Step): Promise<ExecResult> {
    this.write(config);
    const disturbance = step?.kind === "up" ? step.disturbance : undefined;
    const result = await up(this.farm.lab, this.farm.project, disturbance);
    this.say(`up: exit code ${result.code}\n${textOf(result)}`);
    return result;
  }

  /** Takes a step, notes what may be lost meanwhile, and what became of the world. */
  private async take(step: Step): Promise<void> {
    if (!makesSense(this.world, step)) {
      this.say(`left out, as it makes no sense any more: ${words(step)}`);
      return;
    }
    if (Date.now() > this.loadEnds) {
      await this.stopLoad();
      await this.startLoad();
    }
    this.say(words(step));
    const before = this.world;
    const from = now();
    const acted = await this.act(step);
    const outcome = this.guarded ? await this.guardedOutcome(before, step, acted) : acted;
    this.world = after(before, step, outcome);
    const to = now();
    this.stretches.push({
      from,
      to: to + SETTLE_MS,
      what: words(step),
      mayLose: mayLoseDuring(before, step, this.world),
    });
    this.say(`at ${JSON.stringify(this.world.at)}`);
    for (const [prefix, server] of Object.entries(outcome.routed ?? {}))
      if (!this.world.at[prefix as keyof World["at"]].includes(server))
        this.problems.push(`after '${words(step)}' ${prefix} goes to ${server}, which nobody wanted`);
    if (!outcome.succeeded && mustSucceed(before, step))
      this.problems.push(`'${words(step)}' failed, and nothing was in its way`);
    if (outcome.succeeded && mustFail(before, step))
      this.problems.push(`'${words(step)}' succeeded, and the server is dead`);
  }

  /** What the guard made of a step, once it has had the time for it; what it may not have done is a problem. */
  private async guardedOutcome(before: World, step: Step, outcome: Outcome): Promise<Outcome> {
    const { must, may } = holdsAfter(
      before,
      step,
      after(before, step, { ...outcome, held: before.held }),
      outcome,
    );
    if (this.isOff("r1")) return { ...outcome, held: must };
    const { lab } = this.farm;
    const end = now() + GUARD_AT_MOST_MS;
    await sleep(GUARD_MS);
    let held = await heldBy(lab);
    while (now() < end && !must.every((server) => held.includes(server))) {
      await sleep(200);
      held = await heldBy(lab);
    }
    const routed = await routesOf(lab);
    this.say(`held: ${held.join(", ") || "none"}; routes: ${JSON.stringify(routed)}`);
    const said = `after '${words(step)}' the guard`;
    for (const server of must)
      if (!held.includes(server)) this.problems.push(`${said} does not hold ${server}`);
    for (const server of held)
      if (!may.includes(server)) this.problems.push(`${said} holds ${server}, which was well`);
    const { states } = this.world.config;
    const takes = (server: Server): boolean => states[server] === "active" && !held.includes(server);
    // Where another server could have it, and no run or admin is in between.
    const isClear = step.kind !== "tamper" && !(step.kind === "up" && !outcome.succeeded);
    for (const [prefix, server] of Object.entries(routed))
      if (isClear && held.includes(server) && SERVERS.some(takes))
        this.problems.push(`${said} holds ${server}, and ${prefix} goes there`);
    return { ...outcome, held, routed: outcome.routed ?? routed };
  }

  private isOff(machine: Machine): boolean {
    return this.farm.lab.status().some(({ name, power }) => name === machine && power === "off");
  }

  private async act(step: Step): Promise<Outcome> {
    const { lab, project } = this.farm;
    switch (step.kind) {
      case "up":
        return this.actUp(step);
      case "fault":
        await inflict(lab, step.machine, step.fault);
        break;
      case "mend":
        await mend(lab, step.machine, this.world.faults[step.machine]!);
        if (this.world.faults[step.machine] === Fault.Off) await this.hasBooted(step.machine);
        break;
      case "reboot":
        await lab.reboot(step.machine);
        await booted(lab, step.machine);
        await this.hasBooted(step.machine);
        break;
      case "tamper":
        await tamper(lab, step.tampering);
        break;
      case "move": {
        const result = await moveByHand(lab, step.prefix, step.server);
        this.say(textOf(result));
        return { succeeded: result.code === 0 };
      }
      case "release": {
        const result = await release(lab, step.server);
        this.say(textOf(result));
        return { succeeded: result.code === 0, routed: await this.routes() };
      }
      case "adopt": {
        if (this.world.interrupted) await this.documentedRecovery();
        this.write(this.world.config);
        const result = await adopt(project);
        this.say(`adopt: exit code ${result.code}\n${textOf(result)}`);
        this.doubtful = result.code !== 0;
        return { succeeded: result.code === 0, routed: await this.routes() };
      }
      case "second stack": {
        const { said, problem } = await secondStack(lab);
        this.say(said);
        if (problem) this.problems.push(problem);
        break;
      }
      case "destroy": {
        if (this.world.interrupted) await this.documentedRecovery();
        this.say(textOf(await destroyOne(project, step.command)));
        if (step.machine === "r1" && (await this.routes())) await takeOwnRoutesAway(lab);
        // Whoever takes the zone away takes its history away.
        this.serials.clear();
      }
    }
    return { succeeded: true };
  }

  private async actUp(step: Step & { kind: "up" }): Promise<Outcome> {
    const configs = configsOf(this.world, step)!;
    if (this.world.interrupted) await this.documentedRecovery();
    let succeeded = true;
    // What comes between, comes in the last of them.
    for (const [i, config] of configs.entries()) {
      const last = i === configs.length - 1;
      const left = await this.leftOnNearlyFull();
      const result = await this.run(config, last ? step : undefined);
      if (!(last && step.disturbance)) await this.wentBack(textOf(result), left);
      succeeded = result.code === 0 && succeeded;
    }
    const { faults } = this.world;
    const inTheWay = step.disturbance || Object.values(faults).some((fault) => !DISKS.includes(fault));
    this.doubtful = !succeeded && (this.doubtful || Boolean(inTheWay));
    return { succeeded, routed: await this.routes() };
  }

  /** What lies on machines that have room for a mark, and for little else. */
  private async leftOnNearlyFull(): Promise<Map<Machine, string[]>> {
    const machines = MACHINES.filter((name) => this.world.faults[name] === Fault.NearlyFullDisk);
    const left = await Promise.all(machines.map((name) => leftOvers(this.farm.lab, name)));
    return new Map(machines.map((name, i) => [name, left[i]]));
  }

  /** Where a change failed, and says that it went back, it left nothing that was not there before. */
  private async wentBack(said: string, before: Map<Machine, string[]>): Promise<void> {
    for (const [name, lines] of await this.leftOnNearlyFull())
      if (said.includes(`${name}: the change failed; the previous state is back in force`))
        this.problems.push(
          ...lines
            .filter((line) => !before.get(name)!.includes(line))
            .map((line) => `${name}: says that it went back, and left ${line}`),
        );
  }

  /** Where nobody took anything away, and no run was interrupted, all is there again after a boot. */
  private async hasBooted(name: Machine): Promise<void> {
    if (name === "ns1" || this.world.broken.includes(name) || this.doubtful || this.world.interrupted) return;
    let lacks = await lacksAfterBoot(this.farm.lab, name);
    for (let i = 0; i < 5 && lacks.length > 0; i++) {
      await sleep(1000);
      lacks = await lacksAfterBoot(this.farm.lab, name);
    }
    this.problems.push(...lacks.map((line) => `after a boot: ${line}`));
  }

  private async routes(): Promise<Outcome["routed"]> {
    return this.isOff("r1") ? undefined : routesOf(this.farm.lab);
  }

  private async documentedRecovery(): Promise<void> {
    this.say("the documented recovery");
    await this.farm.project.recover();
  }

  /** All is mended, and one run with the config as it is brings model and machines together. */
  private async recover(): Promise<void> {
    for (const machine of Object.keys(this.world.faults) as Machine[])
      await this.take({ kind: "mend", machine });
    await this.take({ kind: "up", change: { what: "nothing" } });
    if (this.problems.length === 0) await this.compareAll();
    if (this.world.held.length === 0 || this.problems.length > 0) return;
    for (const server of this.world.held) await this.take({ kind: "release", server });
    if (this.problems.length === 0) await this.compareAll();
  }

  /** The machines are as the model says. */
  private async compareAll(): Promise<void> {
    const problems = (): Promise<string[]> =>
      compare(this.farm.lab, this.farm.project, this.world.config, {
        healthPath: this.farm.healthPath,
        pictures: this.foreign,
        serials: this.serials,
        held: this.world.held,
      });
    this.say("compare");
    let found = await problems();
    // What runs in the background may take a moment.
    for (let i = 0; i < 3 && found.length > 0; i++) {
      await sleep(1000);
      this.say(`not yet: ${found.join("; ")}`);
      found = await problems();
    }
    this.say("compared");
    this.problems.push(...found);
  }

  private judge(): void {
    for (const record of this.records) {
      const failures = record.requests.filter(({ failure }) => failure !== undefined);
      this.say(`load: ${record.requests.length} requests, ${failures.length} failed`);
      const losses = unexplained(record, this.stretches);
      if (losses.length > 0) {
        this.say(`unexplained: ${JSON.stringify(losses)}\n${JSON.stringify(this.stretches)}`);
        this.problems.push(
          ...losses
            .slice(0, 5)
            .map(
              ({ vip, server, began, ended, how }) =>
                `lost: ${how} on ${vip}${server ? ` (${server})` : ""}, from ${Math.round(began)} to ${Math.round(ended)}`,
            ),
          ...(losses.length > 5 ? [`lost: and ${losses.length - 5} more`] : []),
        );
      }
    }
  }

  /** The whole farm goes, and leaves every machine as it was before; then it is built again. */
  private async destroyAndBuild(): Promise<void> {
    const { lab, project } = this.farm;
    await this.toBase();
    await this.stopLoad();
    const gone = await project.pulumi([
      ...["destroy", "--yes", "--skip-preview", "--continue-on-error", "--stack", project.stack],
    ]);
    this.say(`destroy: exit code ${gone.code}\n${textOf(gone)}`);
    if (gone.code !== 0) this.problems.push(`destroy failed: ${textOf(gone)}`);
    this.problems.push(
      ...differences(this.foreign, await pictures(lab), () => true).map((line) => `after destroy: ${line}`),
    );
    this.serials.clear();
    await this.settleAt(BASE);
    this.farm.healthPath = (await project.output("healthPath")) as string;
  }
}

/** The VIP of gadgets in the subnet of one of widgetco. */
const sameSubnet = (vip: string): string => vip.replace(/\d+$/, (number) => String(Number(number) + 1));
