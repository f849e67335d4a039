/** The page and the metrics of a real watcher: what they show of a crash, what promtool says, and docs/monitoring.md. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { checkout } from "../../../lab/state";
import { block, blocks } from "../../pages";
import { run } from "../../run";
import { parse } from "../../unit/observe/support";
import { AWAY, Farm, SERVERS, within } from "../support";
import { Watching } from "../watching";

const PAGE = "docs/monitoring.md";
const FOLDER = "docs/monitoring";
/** A line of the docs, as the command line takes it. */
const words = (line: string): string[] => line.trim().split(" ").slice(2);

describe("the watcher's page and metrics", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watch-page-"));
  let promtool = "";
  let watching: Watching | undefined;

  before("promtool", async () => {
    promtool = (
      await run("bash", ["tools/promtool.sh"], { cwd: checkout, timeoutMs: 280_000 })
    ).stdout.trim();
  });
  before("a farm in the lab", () => farm.take());
  afterEach(async () => {
    await watching?.stop();
    watching = undefined;
  });
  after("the next has the farm", () => farm.handOn());
  after(() => fs.rmSync(folder, { recursive: true }));

  async function watch(...args: string[]): Promise<Watching> {
    watching = await Watching.start(farm, ...args);
    await watching.hears("listening");
    return watching;
  }
  const fetched = (url: string, ...more: string[]): Promise<string> =>
    farm.sh("operator", ["curl -sS --fail --max-time 10", ...more, url].join(" "));
  const status = (url: string, ...more: string[]): Promise<string> =>
    farm.sh("operator", ["curl -s -o /dev/null -w '%{http_code}' --max-time 10", ...more, url].join(" "));

  /** Values by name and labels. */
  async function metrics(
    url: string,
  ): Promise<{ text: string; value: (name: string) => number | undefined }> {
    const text = await fetched(url);
    const values = new Map(
      parse(text).samples.map(({ name, labels, value }) => [
        `${name.replace("loopback_ha_", "")}{${Object.values(labels).join()}}`,
        value,
      ]),
    );
    return { text, value: (name) => values.get(name) };
  }

  it("show a farm, a crash and who moved what; promtool finds nothing, and the health path is nowhere (story)", async () => {
    const [line] = block(PAGE, "loopback-ha watch --listen 127").split("\n");
    await watch(...words(line));
    const url = "http://127.0.0.1:9762/metrics";
    const home = "http://127.0.0.1:9762/";
    await within(60, "a look", async () => (await metrics(url)).value("problems{}") === 0);
    const before = await metrics(url);
    for (const [name, value] of Object.entries({
      "server_state{web2,active}": 1,
      "server_health{web2,well}": 1,
      "server_answering{web2}": 1,
      "router_reporting{r1}": 1,
      "prefix_server_info{r1,192.0.2.64/27,web2,web2}": 1,
      "prefixes_elsewhere{}": 0,
      "sites_failing{}": 0,
      "machine_reachable{r1}": 1,
      "machine_drifted{web1}": 0,
      "zone_answering{widgetco.example,ns1}": 1,
      "moves_total{watch}": 0,
      "watch_hindrances{}": 0,
    }))
      assert.equal(before.value(name), value, `${name}\n${before.text}`);
    const pages = [before.text, await fetched(home)];
    assert.match(pages[1], /everything matches the config.*<svg /s);

    await farm.lab.crash("web2");
    try {
      for (const event of ["dead", "flip", "flipped"]) await watching!.hears(event);
      await within(
        60,
        "the next look",
        async () => (await metrics(url)).value("server_prefixes{web1}") === 2,
      );
      const after = await metrics(url);
      for (const [name, value] of Object.entries({
        "server_state{web2,down}": 1,
        "moves_total{watch}": 1,
        "failed_moves_total{}": 0,
        "prefix_server_info{r1,192.0.2.64/27,web1,web1}": 1,
      }))
        assert.equal(after.value(name), value, `${name}\n${after.text}`);
      pages.push(after.text, await fetched(home));
      assert.match(pages[3], /matches the config; out of service: web2</);
      assert.match(pages[3], /web2 is dead and web1, web3, web4 answer: 192\.0\.2\.64\/27 goes to web1/);
      assert.deepEqual(await farm.serving(), AWAY);
    } finally {
      await farm.lab.start("web2");
    }
    await watching!.hears("back");
    await farm.setState("web2", "active");
    await farm.up();
    await watching!.hears("changed");
    await within(
      60,
      "the operator's move",
      async () => (await metrics(url)).value("moves_total{operator}") === 1,
    );
    pages.push(await fetched(url), await fetched(home));
    assert.deepEqual(await farm.serving(), SERVERS);

    assert.ok(farm.healthPath.length > 8);
    for (const text of pages) {
      assert.ok(!text.includes(farm.healthPath));
      assert.ok(!text.includes(path.basename(farm.healthPath)));
    }
    for (const text of [pages[0], pages[2], pages[4]])
      await run(promtool, ["check", "metrics"], { input: text });
  });

  it("answer to no other path, method or name, and a port that is taken ends the watcher before it begins", async () => {
    await watch("--listen", "127.0.0.1:9762");
    const home = "http://127.0.0.1:9762/";
    assert.equal(await status(`${home}x`), "404");
    assert.equal(await status(home, "-X POST"), "405");
    assert.equal(await status(home, "-H 'Host: attacker.example'"), "421");
    assert.equal(await status(home, "-I"), "200");
    const { code, stderr } = await farm.project.cli(["watch", "--dry-run", "--listen", "127.0.0.1:9762"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /127\.0\.0\.1 port 9762 is taken by another program.*Use another port, such as 9763/,
    );
    const open = await farm.project.cli(["watch", "--dry-run", "--listen", "0.0.0.0:9762"]);
    assert.equal(open.code, 2);
    assert.match(open.stderr, /0\.0\.0\.0 can be reached from other machines/);
  });

  it("monitoring.md: a token, for other machines", async () => {
    const token = path.join(folder, "token");
    const [make, line, ...more] = block(PAGE, "openssl")
      .replaceAll("/etc/loopback-ha/token", token)
      .trim()
      .split("\n");
    assert.deepEqual(more, []);
    await farm.sh("operator", make);
    await watch(...words(line));
    const url = "http://192.0.2.30:9762/metrics";
    const from = (machine: string, ...args: string[]): Promise<string> =>
      farm.sh(machine, ["curl -s -o /dev/null -w '%{http_code}' --max-time 10", ...args, url].join(" "));
    assert.equal(await from("web1"), "401");
    assert.equal(
      await from("web1", `-H 'Authorization: Bearer ${fs.readFileSync(token, "utf8").trim()}'`),
      "200",
    );
  });

  it("monitoring.md: Prometheus takes its job, the rules and their tests", async () => {
    const rules = path.join(checkout, FOLDER, "loopback-ha.rules.yml");
    const config = path.join(folder, "prometheus.yml");
    // The other one is in the test of a router's file, and in tests/unit/textfile.test.ts.
    const [yaml, , ...more] = blocks(PAGE, "yaml");
    assert.deepEqual(more, []);
    fs.writeFileSync(config, yaml.replace("/etc/prometheus/loopback-ha.rules.yml", rules));
    assert.match((await run(promtool, ["check", "config", config])).stdout, /24 rules found/);
    await run(promtool, ["check", "rules", "--lint-fatal", rules]);
    await run(promtool, ["test", "rules", "loopback-ha.rules.test.yml"], {
      cwd: path.join(checkout, FOLDER),
    });
    assert.equal(blocks(PAGE).length, 2, "blocks of the page that no test runs");
  });

  it("a router writes what it does for node_exporter, and the file goes with the key and with the stack", async () => {
    const prom = "/var/lib/prometheus/node-exporter";
    const file = `${prom}/loopback-ha.loopback-ha.lab.r1.linux-routes.prom`;
    assert.ok(block(PAGE, "textfile:", "yaml").includes(prom));
    await farm.set("routers.r1.textfile", prom);
    const refused = await farm.failingUp();
    assert.match(
      refused,
      /r1: routers\.r1\.textfile: there is no folder \/var\/lib\/prometheus\/node-exporter on this router; nothing was changed/,
    );
    const isThere = async (): Promise<boolean> =>
      (await farm.sh("r1", `[ ! -e ${file} ] || echo yes`)).trim() === "yes";
    const read = async (): Promise<(name: string) => number | undefined> => {
      const text = await farm.sh("r1", `cat ${file}`);
      await run(promtool, ["check", "metrics"], { input: text });
      const { samples } = parse(text);
      return (name) =>
        samples.find((sample) => `${sample.name} ${Object.values(sample.labels).join()}`.trim() === name)
          ?.value;
    };
    try {
      await farm.sh("r1", `mkdir -p ${prom}`);
      await farm.up();
      await within(30, "the file", isThere);
      assert.equal(
        (await farm.sh("r1", `stat -c '%a %U' ${file}; ls ${prom} | wc -l`)).trim(),
        "644 root\n1",
      );
      const before = await read();
      assert.equal(before("loopback_ha_router_prefix_server_info 192.0.2.64/27,web2"), 1);
      assert.equal(before("loopback_ha_router_missing_prefixes"), 0);
      const repairs = before("loopback_ha_router_repairs_total")!;
      // What wipes a route is repaired, and counted.
      await farm.sh("r1", "ip route del 192.0.2.64/27 proto 76");
      await within(60, "a repair", async () => (await read())("loopback_ha_router_repairs_total")! > repairs);
      assert.equal((await read())("loopback_ha_router_missing_prefixes"), 0);
      assert.deepEqual(await farm.serving(), SERVERS);
      await farm.drop("routers.r1.textfile");
      await farm.up();
      await within(30, "no file", async () => !(await isThere()));

      await farm.set("routers.r1.textfile", prom);
      await farm.up();
      await within(30, "the file again", isThere);
      await farm.sh(
        "r1",
        "bash /var/lib/loopback-ha/loopback-ha.lab.r1.linux-routes/current/scripts/remove.sh",
      );
      assert.equal((await farm.sh("r1", `ls -A ${prom}`)).trim(), "");
    } finally {
      await farm.drop("routers.r1.textfile");
      await farm.up();
      await farm.sh("r1", `rm -rf /var/lib/prometheus`);
    }
    assert.deepEqual(await farm.serving(), SERVERS);
  });

  it("a guard moves: the page and the metrics say so, and so does the router's file", async () => {
    const prom = "/var/lib/prometheus/node-exporter";
    const url = "http://127.0.0.1:9762/metrics";
    await farm.sh("r1", `mkdir -p ${prom}`);
    await farm.set("routers.r1.textfile", prom);
    await farm.set("routers.r1.guard.fall", "3");
    try {
      await farm.up();
      // It adopts nothing, so that the hold lasts.
      await watch("--dry-run", "--listen", "127.0.0.1:9762");
      await within(60, "a guard", async () => (await metrics(url)).value("guard_held_servers{r1}") === 0);
      await farm.sh("web2", "systemctl kill -s KILL apache2; systemctl stop apache2");
      await within(60, "a hold", async () => (await metrics(url)).value("guard_held_servers{r1}") === 1);
      await within(30, "its look", async () =>
        /192\.0\.2\.64\/27<.*web1 \(guard\)/s.test(await fetched("http://127.0.0.1:9762/")),
      );
      const { text, value } = await metrics(url);
      await run(promtool, ["check", "metrics"], { input: text });
      assert.equal(value("guard_held_server_info{r1,web2}"), 1);
      assert.equal(value("moves_total{guard}"), 1);
      const page = await fetched("http://127.0.0.1:9762/");
      assert.match(page, /held by the guard/);
      assert.match(page, /the guard on r1 took web2 out of service, because it refuses connections/);
      const counted = async (): Promise<boolean> =>
        /^loopback_ha_router_guard_moves_total 1$/m.test(await farm.sh("r1", `cat ${prom}/*.prom`));
      await within(30, "the router's file", counted);
      const own = await farm.sh("r1", `cat ${prom}/*.prom`);
      await run(promtool, ["check", "metrics"], { input: own });
      assert.match(own, /^loopback_ha_router_held_server_info\{server="web2"\} 1$/m);
      assert.match(own, /^loopback_ha_router_guard_running 1$/m);
      assert.match(
        own,
        /^loopback_ha_router_prefix_server_info\{prefix="192\.0\.2\.64\/27",server="web1"\} 1$/m,
      );
    } finally {
      await watching?.stop();
      watching = undefined;
      await farm.sh("web2", "systemctl reset-failed apache2 || true; systemctl start apache2");
      await farm.project.cli(["release", "web2", "--yes"]);
      await farm.drop("routers.r1.guard");
      await farm.drop("routers.r1.textfile");
      await farm.up();
      await farm.sh("r1", "rm -rf /var/lib/prometheus");
    }
    assert.deepEqual(await farm.serving(), SERVERS);
  });
});
