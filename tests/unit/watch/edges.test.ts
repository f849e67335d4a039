import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { becomeTheWatcher } from "../../../cli/watch/instance";
import { HookOptions, Hooks } from "../../../cli/watch/hooks";
import { StateFile } from "../../../cli/watch/stateFile";
import { render } from "../../../cli/watch/log";
import * as events from "../../../cli/watch/events";
import { ifThere } from "../../../lab/processes";

const AT = new Date("2026-11-25T10:00:00.123Z");
const LINE = events.flip(["web2"], ["web1", "web3"]);

describe("watch: its log", () => {
  it("has one line for each event, for people or for programs", () => {
    assert.equal(
      render(LINE, AT, false),
      "2026-11-25T10:00:00.123Z flip servers=web2 - web2 is dead and web1, web3 answer: setting the state to down and running up",
    );
    assert.deepEqual(JSON.parse(render(LINE, AT, true)), {
      time: "2026-11-25T10:00:00.123Z",
      event: "flip",
      servers: "web2",
      text: LINE.text,
    });
    const several = events.failed(["web2"], "web1 does not answer\n  nothing moved", 5000);
    assert.equal(
      render(several, AT, false),
      '2026-11-25T10:00:00.123Z failed servers=web2 retry="5 s" - web1 does not answer; nothing moved',
    );
  });
});

describe("watch: hooks (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-hooks-"));
  after(() => fs.rmSync(folder, { recursive: true }));

  /** What failed when the lines were told. */
  async function told(options: Partial<HookOptions>, ...lines: events.Line[]): Promise<string[]> {
    const failures: string[] = [];
    const onFailure = (hook: string, reason: string): void => void failures.push(`${hook}: ${reason}`);
    const hooks = new Hooks({ stack: "farm/prod", onFailure, ...options });
    for (const line of lines) hooks.tell(line, AT);
    await hooks.end();
    return failures;
  }

  it("a command gets each line on stdin and in its environment, in order", async () => {
    const file = path.join(folder, "told");
    const command = `{ echo "$LOOPBACK_HA_TIME $LOOPBACK_HA_STACK $LOOPBACK_HA_EVENT $LOOPBACK_HA_SERVERS: $LOOPBACK_HA_TEXT"; cat; echo; } >>${file}`;
    assert.deepEqual(await told({ command }, LINE, events.back("web2")), []);
    const [flip, json, back] = fs.readFileSync(file, "utf8").split("\n");
    assert.equal(flip, `2026-11-25T10:00:00.123Z farm/prod flip web2: ${LINE.text}`);
    const { event, servers, stack } = JSON.parse(json) as Record<string, string>;
    assert.deepEqual([event, servers, stack], ["flip", "web2", "farm/prod"]);
    assert.match(back, /farm\/prod back web2: web2 answers again/);
  });

  it("a machine's text neither controls a terminal through a hook's environment, nor ends a hook (M5)", async () => {
    const file = path.join(folder, "said");
    const command = `env | grep -a ^LOOPBACK_HA_ >>${file}`;
    const text = "\x1b]52;c;cm0gLXJmIH4=\x07 \0 \u202eexe";
    assert.deepEqual(await told({ command }, { event: "dead", fields: { server: `web2${text}` }, text }), []);
    const said = fs.readFileSync(file, "utf8");
    assert.match(said, /^LOOPBACK_HA_TEXT=\\u\{1b\}\]52;c;cm0gLXJmIH4=\\u\{7\} \\u\{0\} \\u\{202e\}exe$/m);
    assert.match(said, /^LOOPBACK_HA_SERVERS=web2\\u\{1b\}/m);
  });

  it("a command that fails is logged with its last output", async () => {
    assert.deepEqual(await told({ command: "echo no mail >&2; exit 7" }, LINE), [
      "command: exit code 7: no mail",
    ]);
    assert.deepEqual(await told({ command: "exit 0" }, LINE), []);
  });

  it("a command that hangs is ended with all that it started, and delays nothing", async () => {
    const file = path.join(folder, "pid");
    const command = `sleep 600 & echo $! >${file}; wait`;
    const began = Date.now();
    assert.deepEqual(await told({ command, seconds: 1 }, LINE), [
      "command: it took longer than 1 s and was killed",
    ]);
    assert.ok(Date.now() - began < 9000);
    const pid = Number(fs.readFileSync(file, "utf8"));
    const state = (): string => ifThere(() => fs.readFileSync(`/proc/${pid}/stat`, "utf8")) ?? "gone";
    // The kernel closes a dying process's files before it calls it dead.
    for (let i = 0; i < 100 && !/ Z|gone/.test(state()); i++) await sleep(10);
    assert.match(state(), / Z|gone/);
  });

  it("a command that leaves a process behind, closes its stdin or can't be started ends nothing, and the next line is delivered (H3)", async () => {
    const after = path.join(folder, "after");
    const next = (command: string): string =>
      `[ "$LOOPBACK_HA_EVENT" != back ] || { echo told >>${after}; exit 0; }; ${command}`;
    for (const [command, seconds, expected] of [
      // A notifier that makes itself a daemon and keeps stderr.
      ["setsid sleep 30 & true", 1, []],
      ["setsid sleep 30 & exit 3", 1, ["command: exit code 3"]],
      ["setsid sleep 30 & exec sleep 30", 1, ["command: it took longer than 1 s and was killed"]],
      ["exec 0<&-; exec 2>&-; true", 5, []],
      ["kill -TERM $$", 5, ["command: SIGTERM"]],
      ["kill -KILL 0", 5, ["command: SIGKILL"]],
    ] as [string, number, string[]][]) {
      fs.rmSync(after, { force: true });
      const huge = { ...LINE, text: "x".repeat(100_000) };
      const began = Date.now();
      assert.deepEqual(
        await told({ command: next(command), seconds }, huge, events.back("web2")),
        expected,
        command,
      );
      assert.equal(fs.readFileSync(after, "utf8"), "told\n", command);
      // Not when the last of what it left has gone.
      assert.ok(Date.now() - began < 20_000, command);
    }
    const { PATH } = process.env;
    process.env.PATH = folder;
    try {
      assert.deepEqual(await told({ command: "true" }, LINE), ["command: spawn sh ENOENT"]);
    } finally {
      process.env.PATH = PATH;
    }
    // More than the kernel takes as an environment.
    const [tooMuch] = await told({ command: "true" }, { ...LINE, text: "x".repeat(3_000_000) });
    assert.match(tooMuch, /^command: spawn E2BIG/);
  });

  it("a web hook that redirects has failed, and no other server gets the line (L13)", async () => {
    const asked: string[] = [];
    const server = http.createServer((request, response) => {
      asked.push(request.url!);
      response.writeHead(request.url === "/there" ? 204 : 307, { location: "/there" }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    assert.deepEqual(await told({ url: `http://${host}/here` }, LINE), [`url ${host}: unexpected redirect`]);
    assert.deepEqual(asked, ["/here"]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it("a web hook gets the line as JSON; one that refuses, is missing or hangs is logged without its secret path", async () => {
    const bodies: string[] = [];
    const server = http.createServer((request, response) => {
      let body = "";
      request.on("data", (more) => (body += String(more)));
      request.on("end", () => {
        bodies.push(body);
        if (request.url === "/hangs") return;
        response.writeHead(request.url === "/refuses" ? 403 : 204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    assert.deepEqual(await told({ url: `http://${host}/secret` }, LINE), []);
    assert.deepEqual(JSON.parse(bodies[0]), {
      time: "2026-11-25T10:00:00.123Z",
      event: "flip",
      servers: "web2",
      text: LINE.text,
      stack: "farm/prod",
    });
    assert.deepEqual(await told({ url: `http://${host}/refuses` }, LINE), [`url ${host}: HTTP status 403`]);
    const [late] = await told({ url: `http://${host}/hangs`, seconds: 1 }, LINE);
    assert.match(late, /^url 127\.0\.0\.1:\d+: .*timeout/);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const nobody = http.createServer();
    await new Promise<void>((resolve) => nobody.listen(0, "127.0.0.1", resolve));
    const { port } = nobody.address() as net.AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const [refused] = await told({ url: `http://127.0.0.1:${port}/secret` }, LINE);
    assert.equal(refused, `url 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it("lines that pile up behind a hook that hangs are dropped, and that is logged", async () => {
    const lines = Array<events.Line>(102).fill(LINE);
    const failures = await told({ command: "exit 0" }, ...lines);
    assert.deepEqual(failures, Array(2).fill("hooks: 100 lines are waiting already: flip is dropped"));
  });
});

describe("watch: its files", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-kept-"));
  after(() => fs.rmSync(folder, { recursive: true }));

  it("its state is written whole, read again, and outside version control", () => {
    const file = new StateFile(folder, "prod");
    const lost: string[] = [];
    const read = (): unknown => new StateFile(folder, "prod").read((reason) => void lost.push(reason));
    assert.deepEqual(read(), { flips: [], unfinished: [] });
    const kept = { flips: [{ server: "web2", at: 5 }], unfinished: ["web2"] };
    file.write(kept);
    assert.deepEqual(read(), kept);
    assert.deepEqual(fs.readdirSync(path.join(folder, ".loopback-ha")).sort(), [
      ".gitignore",
      "watch.prod.json",
    ]);
    assert.deepEqual(lost, []);
    // As a power cut leaves it (H3): advice only, so it is set aside.
    for (const text of ["", "{", "null", '{"flips":7}']) {
      fs.writeFileSync(file.file, text);
      assert.deepEqual(read(), { flips: [], unfinished: [] });
      assert.match(lost.pop()!, /watch\.prod\.json can't be read, and was renamed to .*\.unreadable \(/);
      assert.ok(!fs.existsSync(file.file));
    }
  });

  it("one watcher has the lock; the other learns which one", async () => {
    const key = `file:///${folder} farm prod`;
    await becomeTheWatcher(key);
    await assert.rejects(
      becomeTheWatcher(key),
      new RegExp(`another watcher is already running for this stack: process ${process.pid} of`),
    );
    await becomeTheWatcher(`${key}2`);
  });

  it("another program that has taken the lock's name gets no more than a line into the log", async () => {
    const key = `file:///${folder} taken prod`;
    const hash = createHash("sha256").update(key).digest("hex").slice(0, 32);
    const other = net.createServer((client) => {
      client.on("error", () => client.destroy());
      client.write("\x1b[2J".repeat(100));
    });
    other.listen(`\0loopback-ha-watch-${hash}`);
    await once(other, "listening");
    await assert.rejects(becomeTheWatcher(key), ({ message }: Error) => {
      assert.match(
        message,
        /^another watcher is already running for this stack: [\x20-\x7e…]{1,320}; nothing was touched$/,
      );
      return true;
    });
    other.close();
  });
});
