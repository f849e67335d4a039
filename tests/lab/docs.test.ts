import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Program, Project } from "../../lab/project";
import { checkout } from "../../lab/state";
import { INSTALL_MS, userFolder } from "../package/installed";
import { block, blocks } from "../pages";
import { run } from "../run";
import { operateIn } from "./operate";
import { emptyLab, textOf } from "./support";

const HOST_MINUTES = 5;

/** Runs a line as it stands, on this machine. */
async function onHost(line: string, cwd = checkout): Promise<string> {
  return textOf(await run("bash", ["-c", line], { cwd, timeoutMs: HOST_MINUTES * 60_000 }));
}

describe("docs: what they say is run", () => {
  const lab = new Lab();
  let project: Project;

  before(() => emptyLab(lab));
  afterEach("nothing of the farm stays", async () => {
    if (!project || !fs.existsSync(project.folder)) return;
    const { code, stdout, stderr } = await project.destroy();
    assert.equal(code, 0, stdout + stderr);
  });

  const operate = (lines: string): Promise<string> => operateIn(project, lines);
  const served = async (name: string, vip: string): Promise<string> =>
    whoServes(lab, vip, name, (await project.output("healthPath")) as string);

  it("README and by-hand.md: the first stack, a new site, its end, maintenance, a dead server, a new one, homes, overrides, an interrupted run", async () => {
    project = new Project(lab, "prod");
    const byHand = "docs/by-hand.md";
    const config = block("README.md", "loopback-ha:network", "yaml");
    const [install, init, ...first] = block("README.md", "pulumi stack init").trim().split("\n");
    fs.rmSync(project.file("Pulumi.prod.yaml"));
    await operate(init);
    fs.appendFileSync(project.file("Pulumi.prod.yaml"), config);
    const [preview, up] = first;
    assert.match(await operate(preview), /web2/);
    await operate(up);
    assert.equal(await served("www.widgetco.example", "192.0.2.37"), "web1");
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web2");

    const fresh = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-docs-"));
    try {
      for (const file of ["package.json", "package-lock.json"]) {
        fs.copyFileSync(path.join(checkout, file), path.join(fresh, file));
      }
      await onHost(install, fresh);
    } finally {
      fs.rmSync(fresh, { recursive: true });
    }

    const site = {
      serverName: "gadgets.widgetco.example",
      documentRoot: "/srv/www/gadgets",
      hostNumber: "6",
    };
    for (const [key, value] of Object.entries(site)) await project.set(`sites.gadgets.${key}`, value);
    await project.set('zones["widgetco.example"].ttl', "2");
    await operate(up);
    const leave = block(byHand, "sites.gadgets.retiring");
    assert.match(leave, /# wait/);
    await operate(leave.replace(/^# wait.*$/m, "sleep 3"));
    assert.notEqual(await served("gadgets.widgetco.example", "192.0.2.38"), "web1");

    const [away, back] = block(byHand, "servers.web2.state maintenance").trim().split("\n");
    const told = block(byHand, "until the end", "text").trim().split("\n");
    const flip = await operate(away);
    // Nobody else is connected here.
    for (const line of told)
      assert.ok(
        flip.includes(line.replace(/12 open.*/, "no open connection with web2")),
        `${flip} lacks ${line}`,
      );
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web1");
    await operate(back);
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web2");

    await lab.crash("web2");
    await operate(block(byHand, "servers.web2.state down"));
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web1");
    await lab.start("web2");
    await operate(away);
    await operate(back);
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web2");

    await operate(block(byHand, "servers.web3.address"));
    const inline = (start: string): string => {
      const text = fs.readFileSync(path.join(checkout, byHand), "utf8");
      const [, line] = text.split(`\`pulumi config set --path '${start}`);
      return `pulumi config set --path '${start}${line.slice(0, line.indexOf("`"))}`;
    };
    await operate(inline("homes"));
    assert.match(await operate(up), /unchanged/);
    await operate(inline("overrides"));
    await operate(up);
    assert.equal(await served("www.widgetco.example", "192.0.2.69"), "web1");

    const interrupted = block(byHand, "pulumi cancel").trim().split("\n");
    const [cancel, refresh, again] = interrupted.filter((line) => !line.startsWith("#"));
    // Only if the stack is locked: it is not.
    await operate(`${cancel.replace(/#.*/, "")} || true`);
    await operate(refresh);
    assert.match(await operate(again), /unchanged/);
  }).timeout(600_000);

  it("components.md: a user's own program with the components", async () => {
    const own = new Program(lab, "own", await userFolder("own"));
    fs.writeFileSync(own.file("Pulumi.yaml"), block("docs/install.md", "main: index.ts", "yaml"));
    fs.writeFileSync(own.file("index.ts"), block("docs/components.md", "new lha.WebServerPool", "ts"));
    await own.init();
    try {
      const { code, stdout, stderr } = await own.up();
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /192.0.2.64\/27 is served by web2/);
    } finally {
      const gone = await own.destroy();
      assert.equal(gone.code, 0, gone.stdout + gone.stderr);
    }
  }).timeout(INSTALL_MS);

  it("your-own-network.md and placement.md", async () => {
    project = new Project(lab, "prod");
    const [placement] = blocks("docs/placement.md", "yaml");
    fs.appendFileSync(project.file("Pulumi.prod.yaml"), placement.replace(/^/gm, "  ").trimEnd() + "\n");
    await operate(block("docs/your-own-network.md", "ssh root@"));
    const [, init, preview, up] = block("docs/your-own-network.md", "pulumi stack init").trim().split("\n");
    await operate([init, preview, up].join("\n"));
    // "Put files into the document root": the VIP that is asked is web1's.
    const page = "/srv/www/widgetco/index.html";
    await lab.exec("web1", ["bash", "-c", `echo hello >${page}`]);
    const ask = /`(curl -H 'Host: www.widgetco.example'[^`]*)`/.exec(
      fs.readFileSync(path.join(checkout, "docs/your-own-network.md"), "utf8"),
    );
    const { stdout } = await lab.exec("client", [
      "bash",
      "-c",
      `${ask![1]} -s -o /dev/null -w '%{http_code}'`,
    ]);
    await lab.exec("web1", ["rm", page]);
    assert.equal(stdout, "200");
  });

  it("examples/widgetco: its page", async () => {
    project = new Project(lab, "widgetco", "examples/widgetco");
    await operate(block("examples/widgetco/README.md", "WEB2_STATE=maintenance"));
  });

  /** On a machine that stands for the operators' own. */
  const sh = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec("ns1", ["bash", "-ec", script]);
    assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout + stderr;
  };
  const write = (file: string, text: string): Promise<string> => sh(`cat >${file} <<'END'\n${text}\nEND`);
  const program = "/srv/farm/node_modules/.bin/loopback-ha";

  it("examples/watch: its page, with another program in place of the watcher", async () => {
    const until = (seconds: number, condition: string): Promise<string> =>
      sh(`for i in $(seq ${seconds * 10}); do if ${condition}; then exit 0; fi; sleep 0.1; done; exit 1`);
    const unit = "loopback-ha-watch";
    try {
      await sh(`useradd -m farm; mkdir -p ${path.dirname(program)}`);
      await write(
        program,
        [
          "#!/bin/bash",
          'echo "loopback-ha $* of $(id -un) in $PWD with $PULUMI_BACKEND_URL"',
          "[ ! -e nonsense ] || exit 2",
          "trap 'echo asked to end; exit 0' TERM",
          "while :; do [ -e hangs ] || systemd-notify WATCHDOG=1; sleep 1 & wait $!; done",
        ].join("\n"),
      );
      await sh(`chmod 755 ${program}`);
      for (const name of [`${unit}.service`, "watch.env"])
        await write(name, fs.readFileSync(path.join(checkout, "examples/watch", name), "utf8"));
      await sh(block("examples/watch/README.md", "systemctl enable"));
      await until(10, `journalctl -u ${unit} | grep -q 'of farm'`);
      assert.match(
        await sh(block("examples/watch/README.md", "journalctl")),
        /loopback-ha watch --stack prod of farm in \/srv\/farm with file:\/\/\/srv\/farm\/state/,
      );
      // Killed: it begins again. Asked to end: it does, and nobody kills it. Nonsense: once is enough.
      await sh(`systemctl kill -s KILL ${unit}`);
      await until(20, `[ $(journalctl -u ${unit} | grep -c 'of farm') = 2 ]`);
      // One that hangs, too.
      await sh(
        `mkdir /run/systemd/system/${unit}.service.d; printf '[Service]\\nWatchdogSec=2\\n' >/run/systemd/system/${unit}.service.d/x.conf
        systemctl daemon-reload; systemctl restart ${unit}; sleep 4; touch /srv/farm/hangs`,
      );
      await until(20, `journalctl -u ${unit} | grep -q 'Watchdog timeout'`);
      await sh("rm /srv/farm/hangs");
      await until(20, `[ $(journalctl -u ${unit} | grep -c 'of farm') = 4 ]`);
      await sh(`systemctl stop ${unit}`);
      assert.match(await sh(`journalctl -u ${unit}`), /asked to end/);
      await sh(`touch /srv/farm/nonsense; systemctl start ${unit} || true`);
      await until(10, `systemctl is-failed -q ${unit}`);
      await sh("sleep 7");
      assert.equal((await sh(`systemctl show -P NRestarts ${unit}`)).trim(), "0");
    } finally {
      await lab.reset("ns1");
    }
  });

  it("examples/certs: its page, with another program in place of certs", async () => {
    const unit = "loopback-ha-certs";
    try {
      await sh(`useradd -m farm; mkdir -p ${path.dirname(program)}`);
      await write(
        program,
        [
          "#!/bin/bash",
          'echo "loopback-ha $* of $(id -un) in $PWD with $PULUMI_BACKEND_URL"',
          "touch /srv/farm/mine && stat -c %a /srv/farm/mine",
          "! touch /etc/theirs",
        ].join("\n"),
      );
      await sh(`chmod 755 ${program}; chown farm /srv/farm`);
      const names = [`${unit}.service`, `${unit}.timer`];
      for (const name of [...names, "certs.env"])
        await write(name, fs.readFileSync(path.join(checkout, "examples/certs", name), "utf8"));
      const [enable, ask, ...more] = blocks("examples/certs/README.md");
      assert.deepEqual(more, [], "blocks of the page that no test runs");
      await sh(enable);
      assert.equal(
        await sh(`systemd-analyze verify ${names.map((name) => `/etc/systemd/system/${name}`).join(" ")}`),
        "",
      );
      await sh(`systemctl start ${unit}`);
      const said = await sh(ask);
      assert.match(said, /loopback-ha-certs\.timer +loopback-ha-certs\.service/);
      assert.match(
        said,
        /loopback-ha certs --yes --stack prod of farm in \/srv\/farm with file:\/\/\/srv\/farm\/state/,
      );
      assert.match(said, /: 600\n[^]*Read-only file system/);
    } finally {
      await lab.reset("ns1");
    }
  });

  it("lab: its page", async () => {
    const lines = block("lab/README.md", "tcpdump").trim().split("\n");
    assert.equal(lines.length, 4);
    // Two of them go on until somebody ends them.
    for (const line of lines) {
      const command = line.replace(/#.*/, "").trim();
      await onHost(`timeout 5 ${command}; code=$?; [ $code = 0 ] || [ $code = 124 ]`);
    }
  });

  it("the reference is what the doc comments say", async () => {
    await onHost("npm run reference -- --check");
  });

  it("npm run demo (story)", async () => {
    const [demo] = block("README.md", "npm run demo").trim().split("\n");
    const printed = await onHost(demo.replace(/#.*/, ""));
    await lab.down();
    assert.match(printed, /web2 into maintenance, under requests +│ \d+ requests, 0 failures/);
    assert.match(printed, /home again/);
  });
});
