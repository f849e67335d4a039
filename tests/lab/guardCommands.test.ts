/** docs/guard.md is run: a guard moves, previews and status say so, up leaves it, and both ways on from there. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import type { FarmStatus } from "../../cli/status/model";
import { Exit } from "../../cli/terminal/exit";
import type { ExecResult } from "../../lab/lab";
import { block } from "../pages";
import { tryIn } from "./operate";
import { Watching } from "./watching";
import { AWAY, Farm, SERVERS, textOf, within } from "./support";

const PAGE = "docs/guard.md";
const PREFIX = "192.0.2.64/27";

describe("a guard, for the operator", function () {
  this.timeout(300_000);
  const farm = new Farm();
  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());

  /** The command of a block of the page. */
  const quoted = (text: string): Promise<ExecResult> => {
    const [, ...words] = block(PAGE, text).trim().split(" ");
    return farm.project.cli([...words, "--yes"]);
  };
  const status = async (): Promise<FarmStatus> =>
    JSON.parse((await farm.project.cli(["status", "--json"])).stdout) as FarmStatus;
  const heldNow = async (): Promise<string[]> =>
    (await status()).routers.flatMap(({ held }) => held.map(({ server }) => server));
  const end = (): Promise<string> =>
    farm.sh("web2", "systemctl kill -s KILL apache2; systemctl stop apache2");
  /** Apache of web2 ends; until the guard holds it. */
  async function kill(): Promise<void> {
    await end();
    await within(30, "the guard holds web2", async () => (await heldNow()).includes("web2"));
  }
  const revive = (): Promise<string> =>
    farm.sh("web2", "systemctl reset-failed apache2; systemctl start apache2");

  it("only logs in a dry run", async () => {
    const config = parse(block(PAGE, "guard:", "yaml")) as Record<string, { r1: { guard: object } }>;
    for (const [key, value] of Object.entries(config["loopback-ha:routers"].r1.guard))
      await farm.set(`routers.r1.guard.${key}`, String(value));
    const { code, stdout, stderr } = await tryIn(farm.project, block(PAGE, "pulumi up"));
    assert.equal(code, 0, stdout + stderr);
    await end();
    const logged = "journalctl -u 'loopback-ha-guard.*' | grep -q 'dry run: the guard would move'";
    await within(
      30,
      "the guard says so",
      async () => (await farm.lab.exec("r1", ["bash", "-c", logged])).code === 0,
    );
    assert.deepEqual(await heldNow(), []);
    await revive();
    await farm.set("routers.r1.guard.dryRun", "false");
    await farm.up();
  });

  it("moves; status, previews and up say so, and up leaves it as it is", async () => {
    await kill();
    const { problems, prefixes } = await status();
    const said = problems.find((problem) => problem.includes("the guard moved"))!;
    const [, line] = /^(.*?\.) /.exec(block(PAGE, "the guard moved", "text").replace("\n", " "))!;
    assert.equal(said.slice(0, line.length).replace(/at \S+,/, ""), line.replace(/at \S+,/, ""));
    assert.equal(prefixes.find(({ prefix }) => prefix === PREFIX)!.live, "web1");
    assert.ok(!problems.some((problem) => problem.includes("goes to")), problems.join("\n"));
    const preview = textOf(await farm.project.cli(["preview"]));
    assert.match(preview, /nothing moves/);
    assert.match(preview, /the guard moved[^]*loopback-ha adopt web2[^]*loopback-ha release web2/);
    const up = await farm.up();
    assert.match(up, /the guard moved/);
    assert.match(up, /unchanged/);
    assert.deepEqual(await farm.serving(), AWAY);
    assert.match(textOf(await farm.project.cli(["restore", "web2", "--yes"])), /loopback-ha release web2/);
  });

  it("release refuses a server that does not answer, and gives back one that does", async () => {
    // up has started it: that it did not run was drift.
    await end();
    const refused = await quoted("release");
    assert.equal(refused.code, Exit.Failed, textOf(refused));
    assert.match(textOf(refused), /r1: [^]*web2[^]*still held/);
    assert.deepEqual(await heldNow(), ["web2"]);
    await revive();
    const released = await quoted("release");
    assert.equal(released.code, Exit.Ok, textOf(released));
    assert.match(released.stdout, /moved {2}r1: 192\.0\.2\.64\/27 web1 => web2/);
    assert.deepEqual([await heldNow(), await farm.serving()], [[], SERVERS]);
    const again = await quoted("release");
    assert.equal(again.code, Exit.Usage, textOf(again));
  });

  it("adopt sets it down, and moves nothing", async () => {
    await kill();
    const { code, stdout, stderr } = await quoted("adopt");
    assert.equal(code, Exit.Ok, stdout + stderr);
    assert.match(stdout, /nothing moves/);
    assert.doesNotMatch(stdout, /^moved/m);
    assert.deepEqual([await heldNow(), await farm.serving()], [[], AWAY]);
    const { servers, problems } = await status();
    assert.equal(servers.find(({ name }) => name === "web2")!.state, "down");
    assert.deepEqual(problems, []);
    assert.match(textOf(await quoted("adopt")), /nothing to adopt/);
    await revive();
    const restored = await farm.project.cli(["restore", "web2", "--yes"]);
    assert.equal(restored.code, Exit.Ok, textOf(restored));
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("watch adopts, instead of flipping", async () => {
    const watching = await Watching.start(farm);
    try {
      await end();
      const line = await watching.hears("adopt", { besides: ["dead", "sick"] });
      assert.equal(line.servers, "web2");
      assert.match(line.text, /^r1's guard moved away from web2 at \S+Z, because it refuses connections/);
      await watching.hears("flipped", { besides: ["dead", "sick"] });
    } finally {
      await watching.stop();
    }
    assert.deepEqual([await heldNow(), await farm.serving()], [[], AWAY]);
    await revive();
    const restored = await farm.project.cli(["restore", "web2", "--yes"]);
    assert.equal(restored.code, Exit.Ok, textOf(restored));
  });
});
