/**
 * `npm run pictures -- failover`: a server of a farm in the lab loses its power, an operator says so, and another server
 * answers. What the terminals showed is kept with its times, and drawn as an animation.
 */
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { checkout } from "../../lab/state";
import { Farm, SERVERS } from "../lab/support";
import { Beat, recordingPicture } from "./terminal";

/** Host number 5 in web2's VIP subnet. */
const ASK = "curl -sS --max-time 2 -H 'Host: www.widgetco.example' http://192.0.2.69/";
const PAGE = "/srv/www/widgetco/index.html";
/** Seconds in which a command is read before it is run, and its answer before the next one. */
const READING = 1.2;
const CYAN = (text: string): string => `\u001b[36m${text}\u001b[39m`;

/** Runs commands one after the other, and keeps what they print and when. */
class Recorder {
  readonly beats: Beat[] = [];
  private now = 0;

  constructor(private readonly farm: Farm) {}

  /** A line that nobody typed. */
  note(line: string): void {
    this.beats.push({ at: this.now, line });
    this.now += READING;
  }

  /** A command on a machine, run as `argv`, shown as `typed`. */
  async run(machine: string, typed: string, argv: string[], env: Record<string, string> = {}): Promise<void> {
    this.beats.push({ at: this.now, line: `${CYAN(`${machine}$`)} ${typed}` });
    this.now += READING;
    const child = await this.farm.lab.spawn(machine, argv, { cwd: checkout, env });
    const begun = Date.now();
    const keep = (data: unknown): void => {
      const at = this.now + (Date.now() - begun) / 1000;
      for (const line of String(data).trimEnd().split("\n")) this.beats.push({ at, line });
    };
    child.stdout!.on("data", keep);
    child.stderr!.on("data", keep);
    await once(child, "close");
    this.now += (Date.now() - begun) / 1000 + READING;
  }
}

/** Writes failover.svg into a folder. */
export async function failoverPicture(folder: string): Promise<void> {
  const farm = new Farm();
  const recorder = new Recorder(farm);
  const ask = (): Promise<void> => recorder.run("client", ASK, ["bash", "-c", ASK]);
  try {
    await farm.build();
    for (const server of SERVERS) await farm.sh(server, `echo 'This is ${server}.' >${PAGE}`);
    const open =
      "for i in {1..12}; do exec {fd}<>/dev/tcp/192.0.2.69/80 || exit 1; done; echo open; exec sleep 60";
    const client = await farm.lab.spawn("client", ["bash", "-c", open]);
    await once(client.stdout!, "data");
    await ask();
    await farm.lab.crash("web2");
    recorder.note("# web2 loses its power");
    await ask();
    await recorder.run(
      "operator",
      "loopback-ha down web2 --yes",
      farm.project.cliCommand(["down", "web2", "--yes"]),
      { ...farm.project.env, FORCE_COLOR: "1" },
    );
    await ask();
    client.kill();
    const said = recorder.beats.map(({ line }) => line);
    for (const server of ["web2", "web1"])
      if (!said.includes(`This is ${server}.`))
        throw new Error(`${server} did not answer:\n${said.join("\n")}`);
    const picture = recordingPicture(
      "A failover in a terminal: web2 loses its power, web1 serves its visitors",
      recorder.beats,
    );
    fs.writeFileSync(path.join(folder, "failover.svg"), `${picture}\n`);
    await farm.lab.start("web2");
    for (const server of SERVERS) await farm.sh(server, `rm ${PAGE}`);
  } finally {
    await farm.destroy();
  }
}
