/** What dead servers carry is moved on the routers: one command each, over a false ssh. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { RouterModel } from "../../../components/config";
import { moveOn, triedMoving } from "../../../cli/watch/move";
import { FalseSsh, HOST } from "../ssh/support";

const ROUTER = { ...HOST, name: "r1", kind: "linux" } as unknown as RouterModel;
const moves = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    prefix: `203.0.${i >> 8}.${i & 255}/32`,
    from: i % 2 ? "web2" : "web4",
    to: i % 3 ? "web1" : "web3",
  }));
const sudoers = fs.readFileSync(path.join(__dirname, "../../../examples/sudoers/loopback-ha"), "utf8");
const rule = new RegExp(/^ +\/usr\/local\/sbin\/loopback-ha-move (\^.*\$)$/m.exec(sudoers)![1]);

describe("watch: what dead servers carry, moved on the routers (M14)", () => {
  let ssh: FalseSsh;
  beforeEach(() => (ssh = new FalseSsh()));
  afterEach(() => ssh.remove());

  it("takes one command for each router, whatever the number of prefixes, and sudoers allows it", async () => {
    const all = moves(400);
    const done = await ssh.within(() => moveOn(ROUTER, all, ["web2", "web4"]));
    assert.equal(ssh.calls.length, 1);
    const command = ssh.calls[0].words.at(-1)!;
    assert.equal(
      command,
      `sudo -n /usr/local/sbin/loopback-ha-move --down --from web2,web4 ${all.map(({ prefix, to }) => `${prefix} ${to}`).join(" ")}`,
    );
    assert.match(command.replace(/.*loopback-ha-move /, ""), rule);
    assert.deepEqual([done.moved.length, done.failures], [400, []]);
    assert.equal(done.moved[1], "203.0.0.1/32 goes to web1 on r1");
  });

  it("takes a few commands if a login shell could not take it as one", async () => {
    const { moved } = await ssh.within(() => moveOn(ROUTER, moves(2500), ["web2", "web4"]));
    assert.deepEqual([ssh.calls.length, moved.length], [3, 2500]);
    for (const { words } of ssh.calls) assert.ok(words.at(-1)!.length < 128 << 10);
  });

  it("knows which prefixes moved when some can't, and believes no other report", async () => {
    ssh.reply(`echo '203.0.0.1/32 is served by web1 (192.0.2.2), moved'
      echo '203.0.0.2/32 is served by web9 (192.0.2.2), moved'; echo 'x 203.0.0.0/32 is served by web3 ('
      echo 'loopback-ha-move: 203.0.0.0/32, 203.0.0.2/32: r1: web3 does not answer' >&2
      echo 'loopback-ha-move: 1 of 3 prefixes moved' >&2; exit 1`);
    assert.deepEqual(await ssh.within(() => moveOn(ROUTER, moves(3), ["web2"])), {
      moved: ["203.0.0.1/32 goes to web1 on r1"],
      failures: [
        "r1: loopback-ha-move: 203.0.0.0/32, 203.0.0.2/32: r1: web3 does not answer; loopback-ha-move: 1 of 3 prefixes moved",
      ],
    });
  });

  it("gives up on a router that does not answer, and asks nothing of one without a shell", async () => {
    ssh.reply("echo 'Connection timed out' >&2; exit 255");
    const { moved, failures } = await ssh.within(() => moveOn(ROUTER, moves(2500), ["web2"]));
    assert.deepEqual([ssh.calls.length, moved], [1, []]);
    assert.match(failures.join(), /^r1: r1 does not answer over ssh/);
    const ios = { ...ROUTER, kind: "cisco-ios" } as RouterModel;
    assert.match((await moveOn(ios, moves(1), ["web2"])).failures.join(), /no command can be run on r1/);
  });

  it("tries its commands at the start: rights or a command for one prefix only are not enough", async () => {
    const tried = (reply: string): Promise<string | undefined> => {
      ssh.reply(reply);
      return ssh.within(() => triedMoving(ROUTER));
    };
    assert.equal(await tried("sed -n '/^usage:/,/^END/p' components/routerRoute/move.sh"), undefined);
    assert.match(ssh.calls[0].words.at(-1)!.replace(/.*loopback-ha-move /, ""), rule);
    assert.equal(
      await tried("echo 'usage: loopback-ha-move [--from SERVER] PREFIX SERVER'"),
      "its loopback-ha-move is out of date: run pulumi up --continue-on-error",
    );
    assert.equal(
      await tried("echo 'sudo: a password is required' >&2; exit 1"),
      "sudo: a password is required; its sudoers file may be out of date: see docs/your-own-network.md, ssh",
    );
  });
});
