import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Exit } from "../../../cli/terminal/exit";
import { AWAY, Farm, SERVERS, textOf, within } from "../support";
import { Watching } from "../watching";

const PREFIX = "192.0.2.64/27";
/** Each server, cut and crashed. */
const CRASHES = 8;

/** On a web server: it takes connections and never answers; and again. */
const HANG = "systemctl kill -s STOP apache2";
const WAKE = "systemctl kill -s CONT apache2";
/** On a web server: its health questions are answered by a redirect; and again as they were. */
const VHOSTS = "/etc/apache2/sites-enabled/loopback-ha.*.conf";
const ANSWER_301 = `cp -p ${VHOSTS} /root/as-applied; sed -i 's|Redirect 200$|Redirect 301 https://elsewhere.example/|' ${VHOSTS}; apache2ctl graceful`;
const ANSWER_200 = `cp -p /root/as-applied ${VHOSTS}; rm /root/as-applied; apache2ctl graceful`;
/** On the router: lets only the operator through from the servers' subnet; and lets all through again. */
const CUT_SERVERS = `nft -f - <<<'table ip cut { chain c { type filter hook prerouting priority -400; iifname host0 ip saddr 192.0.2.2-192.0.2.5 drop; ip saddr 192.0.2.32-192.0.2.255 drop; }; }'`;
const HEAL_SERVERS = "nft delete table ip cut";

describe("loopback-ha watch", function () {
  this.timeout(300_000);
  const farm = new Farm();
  let watching: Watching | undefined;

  before("a farm in the lab", () => farm.take());
  after("the next has the farm", () => farm.handOn());
  afterEach("everything runs, and is at home", async () => {
    await watching?.stop();
    watching = undefined;
    for (const name of SERVERS) await farm.lab.start(name);
    for (const name of SERVERS) await farm.lab.heal(name);
    await restore(...SERVERS);
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  /** A person's way back, for a server that missed nothing. */
  async function restore(...names: string[]): Promise<void> {
    for (const name of names) await farm.setState(name, "active");
    await farm.up();
  }
  const serves = async (servers: string[]): Promise<boolean> =>
    String(await farm.serving()) === String(servers);

  it("a document root is empty on one server: the server is sick, a line names the site, and nothing moves", async () => {
    const page = "/srv/www/widgetco/index.html";
    const others = SERVERS.filter((name) => name !== "web2");
    await Promise.all(others.map((name) => farm.sh(name, `echo a page >${page}`)));
    try {
      watching = await Watching.start(farm, "--sick-after", "1s");
      // Two rounds of questions for pages, half a minute apart.
      const { server, text } = await watching.hears("sick", { seconds: 90 });
      assert.equal(server, "web2");
      assert.match(text, /site widgetco answers with status 40[34] on web2 .*It is not set down for that/);
      await farm.sh("web2", `echo a page >${page}`);
      assert.equal((await watching.hears("well")).server, "web2");
      watching.saidNothingElse();
      assert.deepEqual(await farm.serving(), SERVERS);
    } finally {
      await Promise.all(SERVERS.map((name) => farm.sh(name, `rm -f ${page}`)));
    }
  });

  it(`${CRASHES} crashes and recoveries in a row: each is one flip of that server, its return is logged, and nothing else happens`, async () => {
    watching = await Watching.start(farm);
    for (let round = 0; round < CRASHES; round++) {
      const name = SERVERS[round % SERVERS.length];
      const cut = round < SERVERS.length;
      await (cut ? farm.lab.cut(name) : farm.lab.crash(name));
      for (const event of ["dead", "flip", "flipped"]) {
        const line = await watching.hears(event);
        assert.equal(line.server ?? line.servers, name, `round ${round}: ${watching.words.join("; ")}`);
      }
      assert.ok(!(await farm.serving()).includes(name), `round ${round}`);
      await (cut ? farm.lab.heal(name) : farm.lab.start(name));
      assert.equal((await watching.hears("back")).server, name);
      await restore(name);
      assert.equal((await watching.hears("changed")).server, name);
      watching.saidNothingElse();
    }
    assert.ok(await serves(SERVERS));
  }).timeout(900_000);

  it("its own link is cut: it logs that once, and does nothing (story)", async () => {
    watching = await Watching.start(farm);
    await farm.lab.cut("operator");
    await watching.hears("blind");
    await sleep(12_000);
    watching.saidNothingElse();
    await farm.lab.heal("operator");
    await watching.hears("sees");
    await sleep(3000);
    watching.saidNothingElse();
  });

  it("no server answers: it does nothing, even while they come back one by one", async () => {
    watching = await Watching.start(farm);
    await farm.sh("r1", CUT_SERVERS);
    try {
      await watching.hears("no-answers");
      await sleep(2000);
      await Promise.all(["web2", "web3"].map((name) => farm.sh(name, HANG)));
    } finally {
      await farm.sh("r1", HEAL_SERVERS);
    }
    await watching.hears("answers-again");
    await sleep(3000);
    await Promise.all(["web2", "web3"].map((name) => farm.sh(name, WAKE)));
    await sleep(9000);
    watching.saidNothingElse();
  });

  it("slow is not dead: a pause of 2 s causes no flip, and a redirect in the vhosts is an answer, even of all servers (H5)", async () => {
    watching = await Watching.start(farm);
    await farm.sh("web3", `${HANG}; sleep 2; ${WAKE}`);
    await sleep(3000);
    await Promise.all(SERVERS.map((name) => farm.sh(name, ANSWER_301)));
    const besides = ["sick", "well"];
    try {
      for (const name of SERVERS) {
        const { text } = await watching.hears("odd", { besides });
        assert.match(text, /HTTP status 301 instead of 200.*: it is alive, so nothing is moved/, name);
      }
      await sleep(2000);
    } finally {
      await Promise.all(SERVERS.map((name) => farm.sh(name, ANSWER_200)));
    }
    const isWell = (name: string): boolean => watching!.words.includes(`well ${name}`);
    await within(10, "all are well", () => Promise.resolve(SERVERS.every(isWell)));
    // Nobody was dead, nothing was flipped, and no link was blamed.
    for (const word of watching.words.slice(1)) assert.match(word, /^(odd|well) web[1-4]$|^sick web3$/);
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("servers that accept connections and answer nothing are set down, and delay no other server's verdict; below the minimum it does nothing", async () => {
    // On a loaded machine the others may not answer at once, for a while.
    const besides = ["dead", "sick", "flipped", "minimum"];
    watching = await Watching.start(
      farm,
      ...["--min-active", "2", "--min-active-dead", "2", "--sick-after", "3s"],
    );
    await farm.sh("web3", HANG);
    await farm.lab.crash("web2");
    try {
      const flipped: string[] = [];
      while (flipped.length < 2) {
        const { event, servers } = await watching.hears("flip", { besides });
        assert.equal(event, "flip");
        flipped.push(...servers!.split(","));
      }
      assert.deepEqual(flipped.sort(), ["web2", "web3"]);
      await watching.hears("flipped", { besides: ["dead"] });
      assert.ok(await serves(["web1", "web1", "web4", "web4"]), String(await farm.serving()));
      await farm.lab.cut("web4");
      await watching.hears("dead");
      assert.match((await watching.hears("minimum")).text, /setting them down would leave fewer than 2/);
      await farm.lab.heal("web4");
      await watching.hears("alive");
    } finally {
      await farm.sh("web3", WAKE);
    }
    assert.equal((await watching.hears("back")).server, "web3");
    watching.saidNothingElse();
  });

  it("a second watcher says which one is running, and exits with 3; the first goes on", async () => {
    watching = await Watching.start(farm);
    const second = await farm.project.cli(["watch"]);
    assert.equal(second.code, Exit.Locked);
    const { pid } = watching.lines[0];
    assert.match(
      textOf(second),
      new RegExp(`another watcher is already running for this stack: process ${pid} of root, since 20`),
    );
    watching.saidNothingElse();
  });

  it("it waits for a person's up; what the person changed stays", async () => {
    watching = await Watching.start(farm, "--move-after", "5s");
    // web4 keeps that up busy.
    const lock = await farm.lab.spawn("web4", ["flock", "/run/loopback-ha/lock", "sleep", "600"]);
    await sleep(500);
    await farm.set("sites.sprockets.serverName", "sprockets.widgetco.example");
    await farm.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await farm.set("sites.sprockets.hostNumber", "7");
    const up = farm.project.up();
    const locks = "ls state/.pulumi/locks/organization/loopback-ha/lab";
    await within(60, "the lock", async () => {
      const { stdout } = await farm.lab.exec("operator", ["bash", "-c", `${locks}; true`], {
        cwd: farm.project.folder,
      });
      return stdout !== "";
    });
    try {
      await farm.lab.crash("web2");
      const besides = ["unreadable", "readable", "dead", "flip"];
      const { text } = await watching.hears("blocked", { besides });
      assert.match(text, /held by process \d+ of root on .*, since 20/);
      assert.match(text, /as root on r1: loopback-ha-move --down 192\.0\.2\.64\/27 web1/);
      assert.ok(!(await serves(AWAY)));
      // As if nobody were to answer (M14).
      const moved = await watching.hears("moved", { besides: ["dead"] });
      assert.match(moved.text, /192\.0\.2\.64\/27 goes to web1 on r1/);
      assert.ok(await serves(AWAY));
    } finally {
      lock.kill();
      await up;
    }
    await watching.hears("flipped", { besides: ["dead", "flip", "later"] });
    assert.ok(await serves(AWAY));
    await farm.lab.start("web2");
    await watching.hears("back");
    await farm.drop("sites.sprockets");
    const { code, stdout, stderr } = await farm.project.up({ env: { LOOPBACK_HA_FORCE_REMOVAL: "1" } });
    assert.equal(code, 0, stdout + stderr);
  });

  it("it is killed in the middle of its up: the next watcher finishes the flip", async () => {
    watching = await Watching.start(farm);
    await farm.lab.crash("web2");
    await watching.hears("dead");
    await watching.hears("flip");
    await sleep(700);
    await watching.kill();
    watching = await Watching.start(farm);
    await watching.hears("resume");
    await watching.hears("flipped", { besides: ["later", "unlocked", "resume", "partial"] });
    assert.ok(await serves(AWAY));
    watching.saidNothingElse();
  });

  it("it refuses what can't be done, and touches nothing", async () => {
    for (const [reason, ...args] of [
      [/"soon" is not a duration/, "--interval", "soon"],
      [/"5ms" is not between 200ms and 1m; use a duration such as 200ms/, "--interval", "5ms"],
      [/"0" is not a whole number from 1 to 100; use a number such as 3/, "--fall", "0"],
      [
        /--min-active 4 with 4 servers would never let a server be set down; use 3 or less/,
        "--min-active",
        "4",
      ],
      [/--hook-url: "ftp:\/\/x"\.\.\. is not a web address/, "--hook-url", "ftp://x"],
    ] as [RegExp, ...string[]][]) {
      const result = await farm.project.cli(["watch", ...args]);
      assert.equal(result.code, Exit.Usage, textOf(result));
      assert.match(textOf(result), reason);
    }
  });

  it(`kind frr: it asks servers by the VIPs that they carry (${PREFIX} goes to web2)`, async () => {
    await farm.sh("r1", "systemctl enable --now frr");
    await farm.set("routers.r1.kind", "frr");
    await farm.up();
    try {
      watching = await Watching.start(farm, "--flap-limit", "1");
      await farm.lab.crash("web2");
      await watching.hears("dead");
      await watching.hears("flip");
      await watching.hears("flipped");
      await watching.hears("held");
      assert.ok(await serves(AWAY));
      watching.saidNothingElse();
    } finally {
      await watching?.stop();
      await farm.lab.start("web2");
      await restore("web2");
      await farm.drop("routers.r1.kind");
      await farm.up();
    }
    await farm.set("routers.r1.kind", "cisco-ios");
    const result = await farm.project.cli(["watch"]);
    await farm.drop("routers.r1.kind");
    assert.equal(result.code, Exit.Usage);
    assert.match(textOf(result), /watch can't run health checks on r1 \(kind cisco-ios\)/);
  });
});
