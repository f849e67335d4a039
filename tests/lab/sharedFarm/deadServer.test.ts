import assert from "node:assert/strict";
import { AWAY, Farm, SERVERS, within } from "../support";

const NEXT_STEP = /web2.*if it is dead, set servers\.web2\.state to down and run pulumi up again/;

describe("a dead server", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const addSite = async (): Promise<void> => {
    await farm.set("sites.sprockets.serverName", "sprockets.widgetco.example");
    await farm.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await farm.set("sites.sprockets.hostNumber", "7");
  };
  const hasSite = async (name: string): Promise<boolean> =>
    (await farm.sh(name, "cat /var/lib/loopback-ha/*.vhosts/current/want/sites")).includes("sprockets");
  /** An up that must fail for web2, and end in time: how long it took. */
  const failsForWeb2 = async (seconds: number): Promise<string> => {
    const began = Date.now();
    const printed = await farm.failingUp();
    assert.ok(Date.now() - began < seconds * 1000, `took ${(Date.now() - began) / 1000} s`);
    assert.match(printed, NEXT_STEP);
    return printed;
  };

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());
  afterEach("everything runs, and is at home", async () => {
    for (const name of SERVERS) await farm.lab.start(name);
    await farm.drop("sites.sprockets");
    await farm.set("servers.web2.address", "192.0.2.3");
    for (const state of ["maintenance", "active"]) {
      await farm.setState("web2", state);
      await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
    }
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("is set to maintenance only: its traffic moves although the run fails for it (story)", async () => {
    await farm.lab.crash("web2");
    await addSite();
    await farm.setState("web2", "maintenance");
    await failsForWeb2(60);
    assert.deepEqual(await farm.serving(), AWAY);
    assert.deepEqual(await Promise.all(["web1", "web3", "web4"].map(hasSite)), [true, true, true]);
  });

  it("has changes pending: the other servers get theirs, the run fails for it alone, and state down makes it green", async () => {
    await farm.lab.crash("web2");
    await addSite();
    await failsForWeb2(60);
    assert.deepEqual(await Promise.all(["web1", "web3", "web4"].map(hasSite)), [true, true, true]);
    await farm.setState("web2", "down");
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });

  it("is removed from the config without being set down: a warning, and the flip", async () => {
    await farm.lab.crash("web2");
    await farm.drop("servers.web2");
    await farm.set('homes["192.0.2.64/27"]', "web1");
    await farm.set('homes["192.0.2.96/27"]', "web3");
    await farm.set('homes["192.0.2.128/27"]', "web4");
    const printed = await farm.up();
    assert.match(printed, /warning: web2 does not answer, so \S+ stays on it/);
    assert.deepEqual(await farm.serving(), AWAY);
    await farm.lab.reset("web2");
    await farm.drop("homes");
  });

  it("accepts connections to sshd and sends nothing: the wait is bounded, and the flip happens", async () => {
    await farm.sh(
      "web2",
      "systemctl kill -s STOP --kill-whom=main ssh; for p in $(pgrep -P $(systemctl show -P MainPID ssh)); do kill -STOP $p; done",
    );
    try {
      await farm.forgetConnections();
      await addSite();
      await farm.setState("web2", "maintenance");
      await failsForWeb2(90);
      assert.deepEqual(await farm.serving(), AWAY);
    } finally {
      await farm.sh("web2", "systemctl kill -s CONT ssh");
    }
  });

  it("dies in the middle of apply: the wait is bounded, and the next step is named", async () => {
    await addSite();
    const killed = farm.lab.exec("web2", [
      "bash",
      "-c",
      "rm -f /run/loopback-ha/holder; until [ -e /run/loopback-ha/holder ]; do sleep 0.01; done",
    ]);
    const up = failsForWeb2(60);
    await killed;
    await farm.lab.crash("web2");
    await up;
    assert.deepEqual(await Promise.all(["web1", "web3", "web4"].map(hasSite)), [true, true, true]);
  });

  it("loses its traffic while another server's apply fails", async () => {
    await addSite();
    await farm.lab.crash("web2");
    await farm.setState("web2", "down");
    await farm.sh("web3", "mv /usr/sbin/apache2 /usr/sbin/apache2.away");
    try {
      const printed = await farm.failingUp();
      assert.match(printed, /web3: the program 'apache2' is missing/);
      assert.deepEqual(await farm.serving(), AWAY);
    } finally {
      await farm.sh("web3", "mv /usr/sbin/apache2.away /usr/sbin/apache2");
    }
    await farm.up();
  });

  it("comes back with a new disk: maintenance installs everything; so does an up on a router with a new disk", async () => {
    await farm.lab.crash("web2");
    await farm.setState("web2", "down");
    await farm.up();
    await farm.lab.reset("web2");
    await farm.setState("web2", "maintenance");
    assert.match(
      await farm.up(),
      /web2 has no files from this stack: the machine is new, or its disk was replaced/,
    );
    await farm.setState("web2", "active");
    await farm.up();
    assert.deepEqual(await farm.serving(), SERVERS);

    await farm.lab.reset("r1");
    const printed = await farm.up();
    assert.match(printed, /r1 has no files from this stack/);
    assert.match(printed, /r1: 192\.0\.2\.64\/27: new => via web2/);
    assert.deepEqual(await farm.serving(), SERVERS);
    assert.doesNotMatch(await farm.up(), /updated|r1: /);
  });

  it("comes back: maintenance installs what it missed and sends no traffic, active brings its traffic home", async () => {
    await farm.lab.crash("web2");
    await farm.setState("web2", "down");
    await farm.up();
    await addSite();
    await farm.up();
    await farm.lab.start("web2");
    await farm.setState("web2", "maintenance");
    await farm.up();
    assert.ok(await hasSite("web2"));
    assert.deepEqual(await farm.serving(), AWAY);
    await farm.setState("web2", "active");
    await farm.up();
    await within(2, "home", async () => String(await farm.serving()) === String(SERVERS));
  });
});
