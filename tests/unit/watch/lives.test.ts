import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FarmModel } from "../../../components/config";
import type { Session } from "../../../cli/pulumi/session";
import { Watcher } from "../../../cli/watch/watch";
import { playSurroundings } from "./sequences";
import { policy } from "./support";

/** What ends a watcher leaves the farm without failover. */
describe("watch: keeps running (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-lives-"));
  after(() => fs.rmSync(folder, { recursive: true }));

  /** Waits for a line with this event. */
  async function line(lines: string[], event: string): Promise<string> {
    for (let i = 0; i < 200; i++) {
      const found = lines.find((text) => text.split(" ")[1] === event);
      if (found !== undefined) return found;
      await sleep(20);
    }
    assert.fail(`no ${event} in ${lines.join("\n")}`);
  }

  it("a config that can't be read for a while is one line, and another when it can be read (H3)", async () => {
    const farm = { routers: [], servers: [], nameServers: [] } as unknown as FarmModel;
    const config = path.join(folder, "Pulumi.prod.yaml");
    const texts = (): string => fs.readFileSync(config, "utf8");
    const read = (): Promise<FarmModel> =>
      texts() === "whole" ? Promise.resolve(farm) : Promise.reject(new Error("half of a config"));
    const session = { folder, name: "prod", id: "farm/prod", configFile: config, texts, farm: read };
    fs.writeFileSync(config, "whole");
    const lines: string[] = [];
    const watcher = new Watcher({
      ...{ session: session as unknown as Session, where: {}, farm, json: false, hooks: {} },
      policy: policy({ interval: 20 }),
      log: { write: (text) => void lines.push(text), failure: () => undefined },
    });
    const end = new AbortController();
    const running = watcher.run(end.signal);
    const states: [string, () => void][] = [
      ["ENOENT", () => fs.rmSync(config)],
      ["EISDIR", () => (fs.rmSync(config), fs.mkdirSync(config))],
      ["half of a config", () => fs.writeFileSync(config, "who")],
    ];
    for (const [reason, breakIt] of states) {
      lines.length = 0;
      breakIt();
      assert.match(await line(lines, "unreadable"), new RegExp(reason));
      await sleep(200);
      assert.equal(lines.filter((text) => text.includes(" unreadable ")).length, 1, lines.join("\n"));
      fs.rmSync(config, { recursive: true, force: true });
      fs.writeFileSync(config, "whole");
      await line(lines, "readable");
    }
    end.abort();
    await running;
  });

  it("an ssh to a dead server that hangs for too long does no harm", async () => {
    const ssh = path.join(folder, "ssh");
    fs.writeFileSync(ssh, "#!/bin/sh\nexec sleep 30\n", { mode: 0o755 });
    const machine = { name: "web1", address: "192.0.2.2", ssh: {} };
    const script = `
      process.env.PATH = ${JSON.stringify(`${folder}:`)} + process.env.PATH;
      const { keepWarm } = require("./cli/watch/warm");
      const farm = { servers: [${JSON.stringify(machine)}], routers: [], nameServers: [] };
      setTimeout(keepWarm(() => farm, 100), 1);
      setTimeout(() => process.exit(42), 1000);`;
    const child = spawn(process.execPath, ["-r", "ts-node/register/transpile-only", "-e", script]);
    let errors = "";
    child.stderr.on("data", (text) => (errors += String(text)));
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 42, errors);
  });

  it("a log whose reader is gone, or whose disk is full, ends nothing", async () => {
    const script = `
      const { openLog } = require("./cli/watch/log");
      const { write } = openLog();
      const timer = setInterval(() => write("a line"), 20);
      setTimeout(() => { clearInterval(timer); process.exitCode = 42; }, 600);`;
    for (const shell of ['"$@" >/dev/full', '{ "$@"; echo $? >&2; } | true']) {
      const command = [process.execPath, "-r", "ts-node/register/transpile-only", "-e", script];
      const child = spawn("sh", ["-c", `${shell}; echo "code $?" >&2`, "sh", ...command], { stdio: "pipe" });
      let text = "";
      child.stderr.on("data", (more) => (text += String(more)));
      await once(child, "close");
      assert.match(text, /the log can't be written \(.*(ENOSPC|EPIPE).*\); the watcher keeps running/);
      assert.match(text, /\b42$/m, text);
      assert.equal(text.match(/the watcher keeps running/g)!.length, 1);
    }
  });

  it("a change during the trial whether a flip is possible makes it try again", async () => {
    const own = fs.mkdtempSync(path.join(folder, "again-"));
    const farm = { routers: [], servers: [], nameServers: [] } as unknown as FarmModel;
    const config = path.join(own, "Pulumi.prod.yaml");
    fs.writeFileSync(config, "whole");
    let asked = 0;
    // A state that is in no folder takes its time.
    const whoAmI = async (): Promise<void> => void (asked++, await sleep(600));
    const texts = (): string => fs.readFileSync(config, "utf8");
    const session = { folder: own, name: "prod", id: "farm/prod", configFile: config, texts };
    const lines: string[] = [];
    const { PULUMI_BACKEND_URL: url } = process.env;
    process.env.PULUMI_BACKEND_URL = "s3://states";
    const watcher = new Watcher({
      session: {
        ...session,
        farm: () => Promise.resolve(texts()).then(() => farm),
        engine: { whoAmI },
      } as unknown as Session,
      ...{ where: {}, farm, json: false, hooks: {} },
      policy: policy({ interval: 20 }),
      log: { write: (text) => void lines.push(text), failure: () => undefined },
    });
    const end = new AbortController();
    const running = watcher.run(end.signal);
    try {
      while (asked === 0) await sleep(5);
      fs.rmSync(config);
      // Other things may be missing here, as pulumi.
      for (let i = 0; i < 200 && !/ unable what=config .*ENOENT/.test(lines.join("\n")); i++) await sleep(20);
      assert.match(lines.join("\n"), / unable what=config .*ENOENT/);
      // And after each change, not with the next minute.
      fs.writeFileSync(config, "whole");
      for (let i = 0; i < 200 && !/ able what=config/.test(lines.join("\n")); i++) await sleep(20);
      assert.match(lines.join("\n"), / able what=config/);
    } finally {
      end.abort();
      await running;
      if (url === undefined) delete process.env.PULUMI_BACKEND_URL;
      else process.env.PULUMI_BACKEND_URL = url;
    }
  });

  it("10 sequences of disturbances: it keeps running, and acts or says at once that it can't", async function () {
    if (process.getuid!() !== 0) return void assert.throws(() => fs.chownSync(folder, 0, 0));
    this.timeout(160_000);
    const all = await playSurroundings(1, 10);
    assert.deepEqual(
      all.filter(({ wrong }) => wrong.length > 0),
      [],
    );
  });
});
