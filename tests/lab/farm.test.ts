import assert from "node:assert/strict";
import { underLoad, whoServes } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { farmMachines, pictures } from "./pictures";
import { emptyLab } from "./support";

/** What somebody else brings to a machine while the farm stands. */
const FOREIGN: Record<string, { by: string; there: string; undo: string }> = {
  r1: {
    by: `ip route add 203.0.113.0/24 via 192.0.2.5; ip route add 192.0.2.64/28 via 192.0.2.4
      ip rule add from 203.0.113.9 lookup 99 pref 99; nft add table ip foreign`,
    there: `ip route show 203.0.113.0/24 | grep -q 'via 192.0.2.5'; ip route show 192.0.2.64/28 | grep -q via
      ip rule | grep -q 203.0.113.9; nft list tables | grep -q foreign`,
    undo: `ip route del 203.0.113.0/24; ip route del 192.0.2.64/28; ip rule del pref 99; nft delete table ip foreign`,
  },
  web1: {
    by: `ip address add 203.0.113.9/32 dev lo; echo '# mine' >/etc/apache2/sites-enabled/foreign.conf
      echo hello >/srv/www/widgetco/index.html`,
    there: `ip address show dev lo | grep -q 203.0.113.9; grep -q mine /etc/apache2/sites-enabled/foreign.conf
      grep -q hello /srv/www/widgetco/index.html`,
    undo: `ip address del 203.0.113.9/32 dev lo; rm /etc/apache2/sites-enabled/foreign.conf /srv/www/widgetco/index.html`,
  },
  ns1: {
    by: `echo '// mine' >>/etc/bind/named.conf.local`,
    there: `grep -q '// mine' /etc/bind/named.conf.local`,
    undo: `sed -i '\\|^// mine$|d' /etc/bind/named.conf.local`,
  },
};
const SERVERS = ["web1", "web2", "web3", "web4"];

describe("the farm", function () {
  const lab = new Lab();
  let project: Project;
  let pristine: Map<string, string>;
  let healthPath: string;
  let sites: Record<string, string[]>;

  const expectUp = async (): Promise<string> => {
    const { code, stdout, stderr } = await project.up();
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const widgetco = (vip: string): Promise<string> => whoServes(lab, vip, "www.widgetco.example", healthPath);
  const serving = (): Promise<string[]> => Promise.all(sites.widgetco.map(widgetco));
  const until = async (seconds: number, check: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + seconds * 1000;
    while (!(await check())) {
      assert.ok(Date.now() < end, `not within ${seconds} s`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };

  before("a lab and a copy of the program", async () => {
    await emptyLab(lab);
    pristine = await pictures(lab);
    project = new Project(lab);
    await project.init();
    // Short, so that what leaves DNS may leave the servers soon.
    for (const zone of ["widgetco.example", "gadgets.example"])
      await project.set(`zones["${zone}"].ttl`, "2");
  });
  after(() => project?.remove());

  it("is built by one up: every VIP of every site answers the client through the router (story)", async () => {
    await expectUp();
    healthPath = (await project.output("healthPath")) as string;
    sites = (await project.output("sites")) as Record<string, string[]>;
    assert.deepEqual(await serving(), SERVERS);
    assert.deepEqual(
      await Promise.all(sites.gadgets.map((vip) => whoServes(lab, vip, "www.gadgets.example", healthPath))),
      SERVERS,
    );
  });

  it("has no route in the state that depends on a server: one server's component can be destroyed alone", async () => {
    const { stdout } = await project.pulumi(["stack", "export", "--stack", project.stack], { check: true });
    const { deployment } = JSON.parse(stdout) as {
      deployment: { resources: { urn: string; dependencies?: string[] }[] };
    };
    const routes = deployment.resources.find(({ urn }) => urn.endsWith("::r1-routes-192.0.2.1"));
    assert.deepEqual(
      routes!.dependencies!.filter((urn) => /-(vips|vhosts)-/.test(urn)),
      [],
    );
  });

  it("answers unknown names with 421 and has no route for unassigned addresses (story)", async () => {
    assert.equal(await whoServes(lab, sites.widgetco[0], "nobody.example", "/"), "421");
    const { code } = await lab.exec("client", ["curl", "-s", "--max-time", "3", "http://192.0.2.60/"]);
    assert.notEqual(code, 0);
  });

  it("has every VIP in DNS (story)", async () => {
    const { stdout } = await lab.exec("client", ["dig", "+short", "@192.0.2.10", "www.widgetco.example"]);
    assert.deepEqual(stdout.trim().split("\n").sort(), [...sites.widgetco].sort());
  });

  it("changes and reloads nothing when it is run again (story)", async () => {
    const times = `systemctl show -p ActiveEnterTimestampMonotonic,ExecReload apache2 named 2>/dev/null
      find /etc /var/lib/loopback-ha -xdev -printf '%p %C@\\n' | sort`;
    const look = (): Promise<string[]> =>
      Promise.all(farmMachines.map(async (name) => (await lab.exec(name, ["bash", "-c", times])).stdout));
    const first = await look();
    const printed = await expectUp();
    assert.match(printed, /\d+ unchanged/);
    assert.doesNotMatch(printed, /updated|created|deleted/);
    assert.deepEqual(await look(), first);
    for (const name of farmMachines) {
      const again = "for f in /var/lib/loopback-ha/*/current/scripts/apply.sh; do bash $f || exit 1; done";
      const { code, stderr } = await lab.exec(name, ["bash", "-c", again]);
      assert.equal(code, 0, `${name}: ${stderr}`);
    }
    assert.deepEqual(await look(), first);
  });

  it("fails over by a config change and comes home by the next (story)", async () => {
    await project.set("servers.web2.state", "maintenance");
    const away = await underLoad(
      lab,
      { serverName: "www.widgetco.example", healthPath, vips: sites.widgetco },
      expectUp,
    );
    assert.deepEqual(Object.keys(away[sites.widgetco[1]].servers), ["web2", "web1"]);
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
    for (const vip of [0, 2, 3]) assert.equal(away[sites.widgetco[vip]].failures, 0);
    await project.set("servers.web2.state", "active");
    await expectUp();
    assert.deepEqual(await serving(), SERVERS);
  });

  it("adds a site without interrupting the others, and removes it in two steps (story)", async () => {
    const target = { serverName: "www.widgetco.example", healthPath, vips: sites.widgetco };
    await project.set("sites.sprockets.serverName", "sprockets.widgetco.example");
    await project.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await project.set("sites.sprockets.hostNumber", "7");
    const { stdout: diff } = await project.pulumi(["preview", "--diff", "--stack", "lab"], { check: true });
    const [, ...commands] = diff.split(/ command:local:Command: \(/);
    assert.deepEqual(
      commands.map((text) => (text.split("--outputs:--")[0].match(/(^ +[+] .*\n)+/gm) ?? []).length),
      commands.map(() => 1),
      diff,
    );
    assert.doesNotMatch(diff, /^ +- /m);
    assert.equal(commands.length, 2 * SERVERS.length + 2);
    const adding = await underLoad(lab, target, expectUp);
    assert.deepEqual(
      Object.values(adding).map((vip) => vip.failures),
      [0, 0, 0, 0],
    );
    assert.equal(await whoServes(lab, "192.0.2.71", "sprockets.widgetco.example", healthPath), "web2");

    await project.drop("sites.sprockets");
    const early = await project.up();
    assert.notEqual(early.code, 0, early.stdout);
    assert.match(early.stdout + early.stderr, /sprockets\.widgetco\.example is still in DNS/);
    assert.equal(await whoServes(lab, "192.0.2.71", "sprockets.widgetco.example", healthPath), "web2");

    await project.set("sites.sprockets.serverName", "sprockets.widgetco.example");
    await project.set("sites.sprockets.documentRoot", "/srv/www/sprockets");
    await project.set("sites.sprockets.hostNumber", "7");
    await project.set("sites.sprockets.retiring", "true");
    await expectUp();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await project.drop("sites.sprockets");
    const leaving = await underLoad(lab, target, expectUp);
    assert.deepEqual(
      Object.values(leaving).map((vip) => vip.failures),
      [0, 0, 0, 0],
    );
  });

  it("changes a host number and gives up a VIP subnet, each in two steps that no client notices", async () => {
    const gadgets = { serverName: "www.gadgets.example", healthPath, vips: sites.gadgets };
    const run = async (): Promise<void> => {
      const during = await underLoad(lab, gadgets, expectUp);
      assert.deepEqual(
        Object.values(during).map((vip) => vip.failures),
        [0, 0, 0, 0],
      );
    };
    const inDns = async (name: string): Promise<string[]> => {
      const { stdout } = await lab.exec("client", ["dig", "+short", "@192.0.2.10", name]);
      return stdout.trim().split("\n").sort();
    };
    await project.set("sites.gadgets.hostNumber", "8");
    const early = await project.up();
    assert.match(early.stdout, /set sites.gadgets.retiringHostNumber to 6/);
    await project.set("sites.gadgets.retiringHostNumber", "6");
    await run();
    assert.deepEqual(await inDns("www.gadgets.example"), [
      "192.0.2.104",
      "192.0.2.136",
      "192.0.2.40",
      "192.0.2.72",
    ]);
    await project.set("network.vipSubnets", "3");
    const sooner = await project.up();
    assert.match(sooner.stdout, /restore the VIP subnet, with network.retiringVipSubnets/);
    await project.set("network.vipSubnets", "4");
    await project.set("network.retiringVipSubnets", "1");
    await run();
    assert.deepEqual(await inDns("www.widgetco.example"), sites.widgetco.slice(0, 3).sort());

    await new Promise((resolve) => setTimeout(resolve, 3000));
    await project.drop("network.retiringVipSubnets");
    await project.set("network.vipSubnets", "3");
    await project.drop("sites.gadgets.retiringHostNumber");
    await expectUp();
    const { stdout } = await lab.exec("r1", ["ip", "-4", "route", "show", "proto", "76"]);
    assert.doesNotMatch(stdout, /192.0.2.128/);
    const { stdout: bound } = await lab.exec("web1", ["ip", "-4", "addr", "show", "dev", "lo"]);
    assert.doesNotMatch(bound, /192.0.2.(13[0-9]|38)\//);

    await project.set("network.vipSubnets", "4");
    await project.set("sites.gadgets.hostNumber", "6");
    await project.set("sites.gadgets.retiringHostNumber", "8");
    await expectUp();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await project.drop("sites.gadgets.retiringHostNumber");
    await expectUp();
  });

  for (const name of farmMachines) {
    it(`answers again after a reboot of ${name}, without an up`, async () => {
      await lab.reboot(name);
      await until(10, async () => JSON.stringify(await serving()) === JSON.stringify(SERVERS));
    });
  }

  for (const [what, command] of [
    ["a link down and up", "ip link set host0 down; ip link set host0 up"],
    ["networkctl reload", "networkctl reload"],
    ["networkctl reconfigure", "networkctl reconfigure host0"],
    ["ifdown and ifup", "ifup --force host0; ifdown --force host0; ifup --force host0"],
  ]) {
    it(`has its routes back within 3 s of ${what} on the router`, async () => {
      await lab.exec("r1", ["bash", "-c", command]);
      await until(3, async () => {
        const { stdout } = await lab.exec("r1", ["ip", "-4", "route", "show", "proto", "76"]);
        return SERVERS.every((_, i) => stdout.includes(`192.0.2.${32 * (i + 1)}/27 via 192.0.2.${i + 2} `));
      });
    });
  }

  it("is gone after destroy: what others made or edited meanwhile stays, and the rest is as before (story)", async () => {
    for (const [name, make] of Object.entries(FOREIGN)) {
      const { code, stderr } = await lab.exec(name, ["bash", "-ec", make.by]);
      assert.equal(code, 0, stderr);
    }
    const { code, stdout, stderr } = await project.destroy();
    assert.equal(code, 0, stdout + stderr);
    for (const [name, make] of Object.entries(FOREIGN)) {
      const there = await lab.exec(name, ["bash", "-ec", make.there]);
      assert.equal(there.code, 0, `${name}: ${make.there}`);
      await lab.exec(name, ["bash", "-ec", make.undo]);
    }
    const now = await pictures(lab);
    for (const name of farmMachines) {
      const [was, is] = [pristine, now].map((all) => all.get(name)!.split("\n"));
      const gone = was.filter((line) => !is.includes(line));
      const left = is.filter((line) => !was.includes(line));
      assert.deepEqual({ gone, left }, { gone: [], left: [] }, name);
    }
  });
});
