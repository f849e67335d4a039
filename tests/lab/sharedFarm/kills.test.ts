import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { whoServes } from "../../../examples/lab/client";
import { PARTS, commits } from "../../share";
import { Farm } from "../support";

/** Every step is so far from the next; the first is another one for each concern, and in each landing that runs this. */
const STRIDE = Number(process.env.KILL_STRIDE ?? 12);
const FIRST = Math.floor(commits() / PARTS);

const killer = fs.readFileSync(path.join(__dirname, "killAtStep.sh"), "utf8");

/** A concern on a machine, and what another wish for it is, made of the present one. */
const CONCERNS: [string, string, string, string][] = [
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

/** What a machine holds, after the old wish is back. */
const PICTURE = `set +e; ls -R /var/lib/loopback-ha /etc/apache2/sites-enabled /etc/bind/loopback-ha 2>/dev/null
  cat /var/lib/loopback-ha/*/current/want/bindings /etc/apache2/sites-enabled/* /etc/bind/named.conf.local 2>/dev/null
  ls -d /run/loopback-ha/proof.* 2>/dev/null
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

  for (const [offset, [concern, machine, instance, change]] of CONCERNS.entries()) {
    it(`${concern}: sites answer, and one run of the old wish leaves nothing of the new one`, async () => {
      const run = async (script: string, input = ""): Promise<string> => {
        const { code, stdout, stderr } = await lab.exec(machine, ["bash", "-ec", script], { input });
        assert.equal(code, 0, stderr);
        return stdout;
      };
      await run(`rm -rf /root/old /root/new; cp -RL /var/lib/loopback-ha/${instance}/current /root/old
        cp -R /root/old /root/new; cd /root/new; ${change}; sed -i 's/^version=.*/version=new/' meta`);
      const before = await run(PICTURE);
      let killed = 0;
      for (let step = 1 + ((FIRST + 3 * offset) % STRIDE); ; step += STRIDE) {
        const end = await run(`bash -s /root/new/scripts/apply.sh ${step}`, killer);
        assert.match(end, /killed|done/, `step ${step}`);
        const server = await whoServes(lab, "192.0.2.37", "www.widgetco.example", healthPath);
        assert.ok(
          ["web1", ...(concern === "routes" ? ["web4"] : [])].includes(server),
          `step ${step}: ${server}`,
        );
        const { stdout: names } = await lab.exec("client", [
          "dig",
          "+short",
          "@192.0.2.10",
          "widgetco.example",
        ]);
        assert.equal(names.trim().split("\n").length, 4, `step ${step}: ${names}`);
        await run("bash /root/old/scripts/apply.sh");
        assert.equal(await run(PICTURE), before, `after step ${step}`);
        if (end.includes("done")) break;
        killed++;
      }
      assert.ok(killed * STRIDE > 40, `${killed} kills only`);
    });
  }
});
