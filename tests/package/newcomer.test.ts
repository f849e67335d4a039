import assert from "node:assert/strict";
import { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Program } from "../../lab/project";
import { emptyLab, textOf, within } from "../lab/support";
import { block, blocks } from "../pages";
import { Pebble } from "../lab/pebble";
import { INSTALL_MS, userFolder } from "./installed";

const SITE = "www.widgetco.example";
/** Of host number 1 in web2's VIP subnet. */
const VIP = "192.0.2.65";

describe("a newcomer, with the docs alone", function () {
  this.timeout(INSTALL_MS);
  const lab = new Lab();
  let farm: Program;
  let PATH: string;
  /** In place of Let's Encrypt. */
  let pebble: Pebble;

  /** Runs lines of a page as the operator, in the farm's folder; yes to every question. */
  async function operate(lines: string): Promise<string> {
    const result = await lab.exec("operator", ["bash", "-ec", lines], {
      cwd: farm.folder,
      timeoutMs: 300_000,
      env: {
        ...farm.env,
        ...pebble.env,
        PATH,
        PULUMI_SKIP_CONFIRMATIONS: "true",
        PULUMI_NON_INTERACTIVE: "true",
      },
    });
    assert.equal(result.code, 0, `${lines}\n${textOf(result)}`);
    return textOf(result);
  }
  const served = async (): Promise<string> =>
    whoServes(lab, VIP, SITE, (await farm.output("healthPath")) as string);
  /** What a browser that trusts the CA's root finds at the site, first by http, then by https on the health path. */
  const padlock = async (): Promise<string> => {
    const root = farm.file("root.pem");
    fs.writeFileSync(root, await pebble.root(lab));
    const to = [80, 443].map((port) => `--resolve ${SITE}:${port}:${VIP}`).join(" ");
    const health = (await farm.output("healthPath")) as string;
    const script = `curl -sS ${to} -o /dev/null -w '%{http_code} %{redirect_url} ' http://${SITE}/; curl -sS ${to} --cacert ${root} https://${SITE}${health}`;
    return textOf(await lab.exec("client", ["bash", "-c", script]));
  };

  before(async () => {
    await emptyLab(lab);
    pebble = await Pebble.start(lab);
    farm = new Program(lab, "prod", await userFolder("newcomer"));
    PATH = `${farm.file("node_modules/.bin")}:${process.env.PATH}`;
  });
  after(async () => {
    await pebble?.stop();
    const gone = await farm.destroy();
    assert.equal(gone.code, 0, textOf(gone));
  });

  it("makes a first farm, and a first failover", async () => {
    const page = "docs/first-farm.md";
    assert.match(
      await operate(block(page, "loopback-ha init")),
      /wrote Pulumi\.yaml, index\.js, Pulumi\.prod\.yaml/,
    );
    await operate(block(page, "pulumi stack init"));
    assert.equal(await served(), "web2");
    assert.match(await operate(block(page, "loopback-ha status")), /everything matches the config/);
    assert.match(await operate(block(page, "loopback-ha certs")), /https with a new certificate: widgetco/);
    assert.match(await padlock(), /^301 https:\/\/www\.widgetco\.example\/ web2 widgetco\n?$/);
    const [drain, restore] = block(page, "loopback-ha drain").trim().split("\n");
    await operate(drain);
    assert.equal(await served(), "web1");
    await operate(restore);
    assert.equal(await served(), "web2");
  });

  it("does everything on the page day two", async () => {
    const page = "docs/day-two.md";
    await farm.set('zones["widgetco.example"].ttl', "2");
    const [add, renewed, remove, maintenance, down, repaired, added, moved, unlock, ...more] = blocks(page);
    assert.deepEqual(more, [], "blocks of the page that no test runs");
    assert.match(await operate(add), /gadgets has 192\.0\.2\.34, 192\.0\.2\.66/);
    assert.match(await operate(renewed), /https with a new certificate: gadgets/);
    assert.match(await operate(remove.replace(/^# wait.*$/m, "sleep 3")), /gadgets is removed/);
    assert.match(await operate(maintenance), /web2 has no more connections to wait for/);
    assert.equal(await served(), "web2");
    await lab.crash("web2");
    await operate(down);
    assert.equal(await served(), "web1");
    await lab.start("web2");
    await operate(repaired);
    assert.equal(await served(), "web2");
    await operate(added);
    assert.match(
      fs.readFileSync(farm.file("Pulumi.prod.yaml"), "utf8"),
      /web3:\n {6}address: 192\.0\.2\.4\n {6}state: active/,
    );
    await operate(moved);
    assert.equal(await served(), "web2");
    assert.match(await operate(unlock), /the stack is not locked/);
  });

  it("lets the watcher notice a crash", async () => {
    const [reporting, watching, hooked, ...more] = blocks("docs/watch.md");
    assert.deepEqual(more, [], "blocks of the page that no test runs");
    let log = "";
    const watch = async (lines: string): Promise<ChildProcess> => {
      log = "";
      const child = await lab.spawn("operator", ["bash", "-ec", `exec ${lines.trim()}`], {
        cwd: farm.folder,
        env: { ...farm.env, PATH },
      });
      child.stdout!.on("data", (text) => (log += String(text)));
      child.stderr!.on("data", (text) => (log += String(text)));
      await says("watching");
      return child;
    };
    const says = (word: string): Promise<void> =>
      within(60, `${word} after ${log}`, () => Promise.resolve(log.includes(` ${word} `)));
    const end = async (child: ChildProcess): Promise<void> => {
      child.kill();
      const [code] = await once(child, "exit");
      assert.equal(code, 0, log);
    };
    for (const lines of [reporting, hooked]) await end(await watch(lines));
    const child = await watch(watching);
    await lab.crash("web2");
    await says("flipped");
    assert.notEqual(await served(), "web2");
    await lab.start("web2");
    await says("back");
    await end(child);
    await operate("loopback-ha restore web2");
    assert.equal(await served(), "web2");
  });

  it("is asked in a terminal before anything is touched", async () => {
    /** `drain web2` in a terminal, where somebody answers. */
    const answer = async (key: string): Promise<string> => {
      const child = await lab.spawn("operator", ["script", "-qefc", "loopback-ha drain web2", "/dev/null"], {
        cwd: farm.folder,
        env: { ...farm.env, PATH },
      });
      let printed = "";
      child.stdout!.on("data", (text) => {
        printed += String(text);
        if (/drain web2\?/.test(String(text))) child.stdin!.write(`${key}\r`);
      });
      await once(child, "exit");
      return printed;
    };
    assert.match(await answer("n"), /drain web2\?[\s\S]*nothing was touched/);
    assert.equal(await served(), "web2");
    assert.match(await answer("y"), /moved +r1/);
    await operate("loopback-ha restore web2");
  });
});
