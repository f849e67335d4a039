/** Where the health path's secret may be, after builds, failovers and runs that failed: in few files, and nowhere else. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { ExecResult } from "../../lab/lab";
import { debians } from "../../lab/machines";
import { Project } from "../../lab/project";
import { issue, makeAuthorities, writePair } from "../certificates";
import { attempt } from "../run";
import { Farm, textOf } from "./support";

/** Only root may read these: the vhosts on servers, their certificates' keys, and what the router asks. */
const PRIVATE =
  /^(\/etc\/apache2\/sites-enabled\/loopback-ha\.[\w.-]+\.conf|\/var\/lib\/loopback-ha\/[\w.-]+\/(current|versions\/\w+)\/(pristine\/)?want\/private\/(server\.conf|vhost\.conf|directives|vips|ticket)|\/var\/lib\/loopback-ha\/\.certificates\/[0-9a-f]{64}\.pem)$/;

/** A router asks before a server has its first site: then Apache's default site answers 404, and logs it (SECURITY.md). */
const ASKED_EARLY = "/var/log/apache2/access.log";

/** The arguments of every process on this host, the machines' among them, from time to time. */
class Arguments {
  readonly seen = new Set<string>();
  private readonly timer = setInterval(() => this.look(), 25);

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    for (const pid of fs.readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        this.seen.add(fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " "));
      } catch {
        // It has ended.
      }
    }
  }
}

describe("secrets (story)", function () {
  const farm = new Farm();
  const { lab } = farm;
  let project: Project;
  /** What every run printed. */
  const printed: string[] = [];
  let argv: string[];
  let token: string;
  let key: string;
  let siteKey: string;
  let ticket: string;
  /** What a site's own line has. */
  const OWN = "Tr0ub4dor-and-3";
  const secrets = (): string[] => [token, key, siteKey, ticket, OWN];
  const areIn = (text: string): boolean => secrets().some((secret) => text.includes(secret));
  const certs = fs.mkdtempSync(path.join(os.tmpdir(), "https-"));
  /** Files that have one of them, on a machine. */
  const holders = async (machine: string): Promise<string[]> => {
    const { stdout } = await lab.exec(
      machine,
      [
        "bash",
        "-c",
        "grep -rlaFf - / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null; true",
      ],
      { input: `${secrets().join("\n")}\n` },
    );
    return stdout.trim().split("\n").filter(Boolean);
  };

  before("a farm that is built, fails over, fails, drifts, and is looked at", async () => {
    await farm.begin();
    ({ project } = farm);
    const samples = new Arguments();
    const run = async (work: Promise<ExecResult>): Promise<number> => {
      const result = await work;
      printed.push(textOf(result));
      return result.code;
    };
    const pulumi = (...args: string[]) => run(project.pulumi([...args, "--stack", "lab"]));
    const moves = project.file("moves.json");
    try {
      await project.init();
      const names = ["www", "new"].map((name) => `${name}.widgetco.example`);
      const pair = issue(makeAuthorities().intermediate, [...names, "widgetco.example"]);
      writePair(path.join(certs, "widgetco"), pair);
      [, siteKey] = pair.key.split("\n");
      await farm.set("tls.folder", certs);
      assert.equal(await run(project.up()), 0);
      await lab.exec("operator", ["pulumi", "config", "set", "--secret", "secret-own", "--stack", "lab"], {
        cwd: project.folder,
        env: project.env,
        input: OWN,
        check: true,
      });
      await farm.set("sites.gadgets.apache[0]", 'SetEnv OWN "${secret:own}"');
      await farm.setState("web2", "maintenance");
      assert.equal(await run(project.up({ env: { LOOPBACK_HA_MOVES_FILE: moves } })), 0);
      await farm.sh("web3", "echo 'Bogus on' >/etc/apache2/sites-enabled/foreign.conf");
      await farm.sh(
        "web1",
        "sed -i '/ErrorDocument/s/widgetco/elsewhere/' /etc/apache2/sites-enabled/loopback-ha.*.vhosts.conf",
      );
      await farm.setState("web2", "active");
      await farm.set("sites.widgetco.aliases[1]", "new.widgetco.example");
      assert.notEqual(await run(project.up()), 0);
      await farm.sh("web3", "rm /etc/apache2/sites-enabled/foreign.conf");
      await farm.sh(
        "web4",
        "sed -i 's/SetEnv OWN.*/SetEnv OTHER secret/; /<Location \\|SetEnvIf/s/loopback-ha/loopback-hb/' /etc/apache2/sites-enabled/loopback-ha.*.vhosts.conf",
      );
      assert.equal(await pulumi("preview", "--diff"), 0);
      for (const args of [["status"], ["status", "--json"], ["preview", "--markdown"], ["diagram"]])
        await run(project.cli(args));
      assert.equal(await run(project.up()), 0);
      for (const args of [
        ["stack"],
        ["stack", "output"],
        ["stack", "output", "--json"],
        ["stack", "history"],
        ["stack", "export"],
      ])
        assert.equal(await pulumi(...args), 0);
    } finally {
      samples.stop();
    }
    printed.push(fs.readFileSync(moves, "utf8"));
    argv = [...samples.seen];
    token = ((await project.output("healthPath")) as string).split("/").at(-1)!;
    ticket = (await farm.sh("web1", "cat /var/lib/loopback-ha/*/current/want/private/ticket")).trim();
    key = fs.readFileSync(path.join(lab.folder, "ssh", "id_ed25519"), "utf8").split("\n")[2];
  });
  after(async () => {
    fs.rmSync(certs, { recursive: true });
    await farm.destroy();
  });

  it("are in no process's arguments", () => {
    assert.ok(
      argv.some((line) => line.includes("bash -s loopback-ha")),
      "nothing was sampled",
    );
    assert.match(token, /^\w{32}$/);
    assert.match(siteKey, /^[\w+/]{64}$/);
    assert.match(ticket, /^[\w+/]{64}$/);
    assert.deepEqual(argv.filter(areIn), []);
  });

  it("are in nothing that was printed", () => {
    assert.ok(printed.length > 10);
    for (const text of printed) assert.ok(!areIn(text), text);
    assert.match(printed.join("\n"), /- vhost gadgets: SetEnv \(not shown: it may hold a secret\)/);
  });

  for (const { name, role } of debians) {
    it(`${name}: are in files that only root may read, and in no log that others may`, async () => {
      const found = await holders(name);
      const facts =
        found.length > 0 ? await farm.sh(name, `stat -L -c '%U %G %a %n' ${found.join(" ")}`) : "";
      const wrong = facts
        .trim()
        .split("\n")
        .filter(Boolean)
        .filter((line) => {
          const [, mode, file] = /^(\S+ \S+ \d+) (.*)$/.exec(line)!;
          return !(PRIVATE.test(file)
            ? mode === "root root 600"
            : file === ASKED_EARLY && mode === "root adm 640");
        });
      assert.deepEqual(wrong, []);
      assert.equal(found.length > 0, role !== "dns");
      const journal = "! grep -qaFf - <(journalctl -a -o cat)";
      const { code } = await lab.exec(name, ["bash", "-c", journal], { input: `${secrets().join("\n")}\n` });
      assert.equal(code, 0);
    });
  }

  it("are in clear text in none of the operator's files: state, history, backups, logs, temporary folders", async () => {
    const tmp = fs.readdirSync(os.tmpdir()).filter((name) => /^(loopback-ha|pulumi)/.test(name));
    const places = [
      project.folder,
      process.env.PULUMI_HOME,
      path.join(lab.folder, "logs"),
      path.join(lab.folder, "etc"),
      ...tmp.map((name) => path.join(os.tmpdir(), name)),
    ].filter((place): place is string => place !== undefined && fs.existsSync(place));
    const { stdout } = await attempt("grep", ["-rlaFf", "-", "--exclude-dir=node_modules", ...places], {
      input: `${secrets().join("\n")}\n`,
    });
    assert.equal(stdout, "");
    const state = fs.readFileSync(project.file("state/.pulumi/stacks/loopback-ha/lab.json"), "utf8");
    assert.match(state, /"ciphertext"/);
  });
});
