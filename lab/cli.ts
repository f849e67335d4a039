import { once } from "node:events";
import Table from "cli-table3";
import { Command } from "commander";
import { exitCode } from "./capture";
import { Lab } from "./lab";
import { Side } from "./machines";
import { LabError, program as lab, secondLabId } from "./state";

const program = new Command("lab").description("A farm's network on this machine.").enablePositionalOptions();

const timed = async (what: string, work: Promise<void>): Promise<void> => {
  const start = Date.now();
  await work;
  console.log(`${what} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
};

const open = (): Lab => new Lab(undefined, (line) => console.error(`lab: ${line}`));

program
  .command("up")
  .description("start every machine that is off (builds the base the first time)")
  .option("--servers <count>", "number of web servers, 4 to 20", Number, 4)
  .option(
    "--release <number>",
    "Debian release of the machines, 12 or 13 (default: the one on their disks, else 13)",
  )
  .action(async (options: { servers: number; release?: string }) => {
    const it = open();
    await timed("lab is up", it.up(options));
    for (const { name, cut } of it.status().filter((machine) => machine.cut.length > 0)) {
      console.log(`${name}: ${cut.join(" and ")} cable is unplugged: ${lab} heal ${name}`);
    }
  });

program
  .command("down")
  .description("stop the lab and remove the machines' disks")
  .option("--keep", "shut down cleanly and keep the disks")
  .action(async ({ keep }: { keep?: boolean }) => {
    await timed("lab is down", open().down({ keepDisks: keep }));
    // What an interrupted `npm test` may have left.
    await new Lab(secondLabId()).down();
  });

program
  .command("status")
  .description("show what every machine is doing")
  .action(() => {
    const it = open();
    const table = new Table({
      head: ["machine", "role", "address", "power", "cables", "pid"],
      style: { head: [], border: [], compact: true },
    });
    for (const { name, role, address, power, cut, pid } of it.status()) {
      const cables = cut.length ? `${cut.join(", ")} unplugged` : "plugged";
      table.push([name, role, address, power, cables, pid ?? ""]);
    }
    console.log(`lab ${it.id} of ${it.checkout}\n${it.folder}\n${table.toString()}`);
  });

program
  .command("exec <name> <command...>")
  .description("run a command on a machine, as root")
  .passThroughOptions()
  .action(async (name: string, command: string[]) => {
    const argv = command[0] === "--" ? command.slice(1) : command;
    const child = await open().attach(name, argv);
    // Ctrl-C reaches the command as well; how it ends is for the command to say.
    process.on("SIGINT", () => undefined);
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    const [code, signal] = await once(child, "exit");
    process.exitCode = exitCode(code, signal);
  });

const verbs: [string, string, string, (it: Lab, name: string) => Promise<void>][] = [
  ["reboot", "reboot a machine in order (starts one that is off)", "rebooted", (it, name) => it.reboot(name)],
  ["crash", "cut a machine's power: it stays off until `start`", "is off", (it, name) => it.crash(name)],
  ["start", "start a machine that is off", "runs", (it, name) => it.start(name)],
  ["reset", "give a machine a new disk and boot it", "has a new disk", (it, name) => it.reset(name)],
];
for (const [verb, description, done, work] of verbs) {
  program
    .command(`${verb} <name>`)
    .description(description)
    .action((name: string) => timed(`${name} ${done}`, work(open(), name)));
}

const side = (value?: string): Side | undefined => {
  if (value === undefined || value === "inside" || value === "outside") return value;
  throw new LabError(`'${value}' is not a side of a machine`, "inside or outside");
};

program
  .command("cut <name> [side]")
  .description("unplug a machine's network cables (r1 has two: inside, outside)")
  .action((name: string, which?: string) => timed(`${name} is unplugged`, open().cut(name, side(which))));

program
  .command("heal <name> [side]")
  .description("plug the cables in again")
  .action((name: string, which?: string) => timed(`${name} is plugged in`, open().heal(name, side(which))));

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof LabError ? `lab: ${error.message}` : error);
  process.exitCode = 1;
});
