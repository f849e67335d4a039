import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { whoServes } from "../../../lab/client";
import { hexOf } from "../../../lab/load/http";
import { TestPair, inDays, issue, makeAuthorities, sha256Of, writePair } from "../../certificates";
import { PARTS, commits } from "../../share";
import { Farm } from "../support";

/** Every step is so far from the next; the first is another one for each role, and in each landing that runs this. */
const STRIDE = Number(process.env.KILL_STRIDE ?? 12);
const FIRST = Math.floor(commits() / PARTS);

const killer = fs.readFileSync(path.join(__dirname, "killAtStep.sh"), "utf8");

/** A role on a machine, and what another payload for it is, made of the present one. */
const ROLES: [string, string, string, string][] = [
  ["VIPs", "web1", "*.vips", "sed -i '1i address 192.0.2.40' want/bindings"],
  [
    "vhosts",
    "web1",
    "*.vhosts",
    "sed -n 's/gadgets/extra/gp' want/sites >>want/sites.new; cat want/sites.new >>want/sites; rm want/sites.new",
  ],
  ["routes", "r1", "*.linux-routes", "sed -i 's/web1 192.0.2.2/web4 192.0.2.5/' want/routes"],
  ["a zone", "ns1", "*.widgetco.example.zone", "echo 'more IN A 192.0.2.33' >>want/zone"],
];

/** What a machine holds, after the old payload is back. */
const PICTURE = `set +e; ls -R /var/lib/loopback-ha /etc/apache2/sites-enabled /etc/bind/loopback-ha 2>/dev/null
  cat /var/lib/loopback-ha/*/current/want/bindings /etc/apache2/sites-enabled/* /etc/bind/named.conf.local 2>/dev/null
  ls -d /run/loopback-ha/checks.* 2>/dev/null
  ls -Al --time-style=+ /var/lib/loopback-ha/.certificates 2>/dev/null; sort /var/lib/loopback-ha/.certificates/sums 2>/dev/null
  ip -4 -o address show; ip -4 route show table all | sort; ip -4 rule; systemctl --failed --no-legend; true`;

describe("apply.sh killed at any step", function () {
  this.timeout(600_000);
  const farm = new Farm();
  const { lab } = farm;
  let healthPath: string;

  before("a farm in the lab", async () => {
    await farm.take();
    ({ healthPath } = farm);
  });
  after("the next has the farm", () => farm.handOn());

  interface Killed {
    role: string;
    machine: string;
    instance: string;
    change: string;
    /** Of runs of pulumi's: what answers apply.sh, and what answers that of the old payload. Default: they are run by hand. */
    answers?: { payload: Buffer; old: Buffer };
    /** After each kill. */
    check(step: number): Promise<void>;
  }

  /** Another payload for a role is killed at each step in turn; after each the old one is run, and leaves nothing of it. */
  async function killAtSteps(
    { role, machine, instance, change, answers, check }: Killed,
    first: number,
  ): Promise<void> {
    const run = async (script: string, input = ""): Promise<string> => {
      const { code, stdout, stderr } = await lab.exec(machine, ["bash", "-ec", script], { input });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await run(`rm -rf /root/old /root/new; cp -RL /var/lib/loopback-ha/${instance}/current /root/old
      cp -R /root/old /root/new; cd /root/new; rm -rf pristine; ${change}; sed -i 's/^version=.*/version=new/; /^turn_seconds=/d' meta`);
    for (const [name, text] of Object.entries(answers ?? {}))
      await run(
        `base64 -d >/root/answers.${name}; sed -i '/^turn_seconds=/d' /root/old/meta`,
        text.toString("base64"),
      );
    const goBack = answers
      ? `exec 3</root/answers.old 4>/dev/null; LOOPBACK_HA_TOKEN=back bash /root/old/scripts/apply.sh; rm -f /var/lib/loopback-ha/${instance}/in-doubt`
      : "bash /root/old/scripts/apply.sh";
    const before = await run(PICTURE);
    let killed = 0;
    for (let step = 1 + (first % STRIDE); ; step += STRIDE) {
      const words = `/root/new/scripts/apply.sh ${step} ${answers ? "/root/answers.payload" : ""}`;
      const end = await run(`bash -s ${words}`, killer);
      assert.match(end, /killed|done/, `step ${step}`);
      const server = await whoServes(lab, "192.0.2.37", "www.widgetco.example", healthPath);
      assert.ok(["web1", ...(role === "routes" ? ["web4"] : [])].includes(server), `step ${step}: ${server}`);
      await check(step);
      if (end.includes("done")) assert.notEqual(await run(PICTURE), before);
      await run(goBack);
      assert.equal(await run(PICTURE), before, `after step ${step}`);
      if (end.includes("done")) break;
      killed++;
    }
    assert.ok(killed * STRIDE > 40, `${killed} kills only`);
  }

  for (const [offset, [role, machine, instance, change]] of ROLES.entries()) {
    it(`${role}: sites answer, and one run of the old payload leaves nothing of the new one`, () =>
      killAtSteps(
        {
          ...{ role, machine, instance, change },
          check: async (step) => {
            const { stdout: names } = await lab.exec("client", [
              "dig",
              "+short",
              "@192.0.2.10",
              "widgetco.example",
            ]);
            assert.equal(names.trim().split("\n").length, 4, `step ${step}: ${names}`);
          },
        },
        FIRST + 3 * offset,
      ));
  }

  it("a certificate that is renewed, also between its delivery and the reload: https answers, and nothing of it is left", async () => {
    const certs = fs.mkdtempSync(path.join(os.tmpdir(), "https-"));
    const { intermediate } = makeAuthorities();
    const [before, after] = [90, 120].map((days) =>
      issue(intermediate, ["www.widgetco.example", "widgetco.example"], { to: inDays(days) }),
    );
    try {
      writePair(path.join(certs, "widgetco"), before);
      await farm.set("tls.folder", certs);
      await farm.up();
      const [old, renewed] = [before, after].map(sha256Of);
      // As a run of pulumi's brings it: deliver.cjs.
      const supplyOf = (pair: TestPair): Buffer => {
        const name = `${sha256Of(pair)}.pem`;
        fs.writeFileSync(path.join(certs, name), `${pair.key.trim()}\n${pair.chain}`);
        const tar = execFileSync("tar", ["-cz", "-C", certs, name]);
        const sum = createHash("sha256").update(tar).digest("hex");
        return Buffer.concat([Buffer.from(`LOOPBACK-HA-SUPPLY ${tar.length} ${sum}\n`), tar]);
      };
      const seen = new Set<string>();
      await killAtSteps(
        {
          role: "certificates",
          machine: "web1",
          instance: "*.vhosts",
          change: `sed -i 's/${old}/${renewed}/' want/certificates`,
          answers: { payload: supplyOf(after), old: supplyOf(before) },
          check: async (step) => {
            const { stdout } = await lab.exec("client", [
              "bash",
              "-c",
              "openssl s_client -connect 192.0.2.37:443 -servername www.widgetco.example </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
            ]);
            const shown = hexOf(stdout.trim().replace(/^.*=/, ""));
            assert.ok([old, renewed].includes(shown), `step ${step}: ${stdout}`);
            seen.add(shown);
          },
        },
        FIRST + 3 * ROLES.length,
      );
      assert.deepEqual(seen, new Set([old, renewed]));
    } finally {
      fs.rmSync(certs, { recursive: true });
    }
  });
});
