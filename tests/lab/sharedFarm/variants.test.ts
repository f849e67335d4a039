import assert from "node:assert/strict";
import * as fs from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { underLoad, whoServes } from "../../../lab/client";
import { Project } from "../../../lab/project";
import { Farm, within } from "../support";

const WIDGETCO = ["192.0.2.37", "192.0.2.69", "192.0.2.101", "192.0.2.133"];
const SERVERS = ["web1", "web2", "web3", "web4"];

describe("variants of the farm", () => {
  const farm = new Farm();
  const { lab } = farm;
  let project: Project;
  let healthPath: string;

  const sh = async (name: string, command: string): Promise<string> =>
    (await lab.exec(name, ["bash", "-c", command])).stdout;
  const up = async (): Promise<string> => {
    const { code, stdout, stderr } = await project.up();
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const serving = (): Promise<string[]> =>
    Promise.all(WIDGETCO.map((vip) => whoServes(lab, vip, "www.widgetco.example", healthPath)));

  before("a farm in the lab", async () => {
    await farm.take();
    ({ project, healthPath } = farm);
  });
  after("the next has the farm", async () => {
    await sh("web4", "systemctl disable --now named 2>/dev/null");
    await farm.handOn();
  });

  it("binding subnet: whole VIP subnets are bound, also after a reboot; no request is lost on the way there and back", async () => {
    const target = { serverName: "www.widgetco.example", healthPath, vips: WIDGETCO };
    const change = async (binding: string): Promise<void> => {
      await project.set("network.binding", binding);
      const stats = await underLoad(lab, target, up);
      assert.deepEqual(
        Object.values(stats).map(({ failures }) => failures),
        [0, 0, 0, 0],
      );
      assert.deepEqual(await serving(), SERVERS);
    };
    await change("subnet");
    assert.match(await sh("web1", "ip -4 route show table local"), /local 192\.0\.2\.64\/27 dev lo/);
    // Nobody's address is answered, and with nobody's site.
    assert.equal(await whoServes(lab, "192.0.2.60", "www.widgetco.example", healthPath), "421");
    await lab.reboot("web2");
    // It is up when sshd answers; Apache may follow.
    await within(10, "web2 serves again", async () => isDeepStrictEqual(await serving(), SERVERS));
    assert.doesNotMatch(await up(), /updated|created|deleted/);
    await change("alias");
    assert.doesNotMatch(await sh("web1", "ip -4 route show table local"), /192\.0\.2\.64\/27/);
  });

  it("sites in a file, more than a command shows as text, are packed, served, compared, and seen by a preview", async () => {
    const names = Array.from(
      { length: 3000 },
      (_, i) => `name-${i}.of-a-site-with-many-names.elsewhere.example`,
    );
    const write = (aliases: string[]): void => {
      const many = {
        serverName: "many.widgetco.example",
        aliases,
        documentRoot: "/srv/www/many",
        hostNumber: 9,
      };
      fs.writeFileSync(project.file("sites.json"), JSON.stringify({ many }));
    };
    write(names);
    await project.set("sitesFile", "sites.json");
    await up();
    for (const name of ["many.widgetco.example", names[0], names[2999]])
      assert.equal(await whoServes(lab, "192.0.2.73", name, healthPath), "web2", name);
    assert.doesNotMatch(await up(), /updated|created|deleted/);

    write(["one-more.elsewhere.example", ...names]);
    const { code, stdout, stderr } = await project.cli(["preview"]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\+many many\.widgetco\.example,one-more\.elsewhere\.example,name-0\./);
    await up();
    assert.equal(await whoServes(lab, "192.0.2.73", "one-more.elsewhere.example", healthPath), "web2");
    // Names leave DNS first.
    fs.rmSync(project.file("sites.json"));
    await project.drop("sitesFile");
    const gone = await project.up({ env: { LOOPBACK_HA_FORCE_REMOVAL: "1" } });
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
    assert.equal(
      await sh("web1", "ls /etc/apache2/sites-enabled | grep -c many; ls -d /srv/www/many"),
      "0\n",
    );
  });

  it("a document root that is empty on one server: nothing moves there until it is filled, status names it, and neither --despite-sites nor down is held up", async () => {
    const cli = (...args: string[]) => project.cli([...args, "--yes"]);
    const problems = async (): Promise<string[]> =>
      (JSON.parse((await project.cli(["status", "--json"])).stdout) as { problems: string[] }).problems;
    const page = "/srv/www/widgetco/index.html";
    await Promise.all(
      SERVERS.filter((name) => name !== "web2").map((name) => sh(name, `echo a page >${page}`)),
    );
    await project.set('overrides["192.0.2.96/27"]', "web2");
    const { code, stdout } = await project.up();
    assert.notEqual(code, 0);
    assert.match(
      stdout,
      /r1: site widgetco answers with status 40[34] on web2 \(192\.0\.2\.101\), but with status 200 on web3, which has it now; nothing was moved/,
    );
    assert.deepEqual(await serving(), SERVERS);
    // The first is the pin, which did not come into force.
    const [, problem, ...others] = await problems();
    assert.match(
      problem,
      /^site widgetco answers with status 40[34] on web2 \(.*\), but with status 200 on web1, web3, web4: check its document root/,
    );
    assert.deepEqual(others, []);
    await project.drop('overrides["192.0.2.96/27"]');

    const refused = await cli("move", "192.0.2.96/27", "web2", "--despite-sites", "gadgets");
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /site widgetco answers with status 40[34] on web2 .*LOOPBACK_HA_DESPITE_SITES=widgetco for one run, which is --despite-sites in loopback-ha/,
    );
    assert.equal((await cli("move", "192.0.2.96/27", "web2", "--despite-sites", "widgetko")).code, 2);
    const despite = await cli("move", "192.0.2.96/27", "web2", "--despite-sites", "widgetco");
    assert.equal(despite.code, 0, despite.stdout + despite.stderr);
    assert.match(
      despite.stdout + despite.stderr,
      /warning: r1: LOOPBACK_HA_DESPITE_SITES: moved although site widgetco answers with status 40[34] on web2/,
    );
    assert.deepEqual(await serving(), ["web1", "web2", "web2", "web4"]);
    assert.equal((await cli("move", "192.0.2.96/27", "web3")).code, 0);
    assert.deepEqual(await serving(), SERVERS);

    // Who gets what a dead one had does worse, and gets it.
    await Promise.all(["web3", "web4"].map((name) => sh(name, `rm ${page}`)));
    const down = await cli("down", "web1");
    assert.equal(down.code, 0, down.stdout + down.stderr);
    assert.ok(!(await serving()).includes("web1"));
    await Promise.all(
      SERVERS.map((name) =>
        sh(name, name === "web1" || name === "web2" ? `rm -f ${page}` : `echo a page >${page}`),
      ),
    );
    const [heir] = await serving();
    await sh(heir, `echo a page >${page}`);
    const early = await cli("restore", "web1");
    assert.equal(early.code, 1, early.stdout + early.stderr);
    assert.match(early.stderr, /site widgetco answers with status 40[34] on web1 .*nothing was moved/);
    await sh("web1", `echo a page >${page}`);
    const restored = await cli("restore", "web1");
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    assert.deepEqual(await serving(), SERVERS);
    await sh("web2", `rm -f ${page}`);
    // Its own answer is no measure for others.
    await project.set('overrides["192.0.2.64/27"]', "web3");
    await up();
    assert.deepEqual(await serving(), ["web1", "web3", "web3", "web4"]);
    await project.drop('overrides["192.0.2.64/27"]');
    const back = await project.up();
    assert.match(back.stdout, /site widgetco answers with status 40[34] on web2 .*; nothing was moved/);
    await sh("web2", `echo a page >${page}`);
    await up();
    assert.deepEqual(await serving(), SERVERS);
    assert.deepEqual(await problems(), []);
    await Promise.all(SERVERS.map((name) => sh(name, `rm ${page}`)));
  });

  it("a server leaves: first maintenance, then out of the config", async () => {
    await project.set("servers.web4.state", "maintenance");
    await up();
    await project.drop("servers.web4");
    await up();
    assert.deepEqual(await serving(), ["web1", "web2", "web3", "web1"]);
    assert.equal(
      await sh("web4", "ls /var/lib/loopback-ha 2>/dev/null; ip -4 -o address show dev lo | grep -v 127"),
      "",
    );
  });

  // The second one is the machine that web4 was.
  it("two name servers agree on a serial; a dead one does not hold up the other, and catches up", async () => {
    const serial = (address: string): Promise<string> =>
      sh("client", `dig +short +time=2 +tries=1 @${address} widgetco.example SOA | awk '{ print $3 }'`);
    const serials = (): Promise<string[]> => Promise.all(["192.0.2.10", "192.0.2.5"].map(serial));
    await sh("web4", "systemctl enable --now named");
    await project.set("nameServers.ns2.address", "192.0.2.5");
    await project.set('zones["widgetco.example"].nameServers[0]', "ns1");
    await project.set('zones["widgetco.example"].nameServers[1]', "ns2");
    await up();
    const [first, second] = await serials();
    assert.match(first, /^\d{10}/);
    assert.equal(second, first);

    // Masked, or up would start it again: a stopped named is drift.
    await sh("web4", "systemctl stop named && systemctl mask --runtime --quiet named");
    await project.set('zones["widgetco.example"].ttl', "61");
    const { code, stdout } = await project.up();
    assert.notEqual(code, 0);
    assert.match(stdout, /ns2: /);
    const newer = await serial("192.0.2.10");
    assert.ok(Number(newer) > Number(first), `${newer} after ${first}`);

    await sh("web4", "systemctl unmask --runtime --quiet named && systemctl start named");
    await up();
    assert.deepEqual(await serials(), [newer, newer]);

    // Names that no host has, and records of all kinds: what named judges by itself, both serve.
    const NETWORK = "0/25.2.0.192.in-addr.arpa";
    const setAll = async (at: string, values: Record<string, string>): Promise<void> => {
      for (const [key, value] of Object.entries(values)) await project.set(`${at}.${key}`, value);
    };
    for (const zone of [NETWORK, "_sites.widgetco.example"])
      await setAll(`zones["${zone}"]`, {
        contact: "hostmaster@widgetco.example",
        "nsRecords[0]": "ns1.widgetco.example",
      });
    await setAll(`zones["${NETWORK}"].records[0]`, {
      name: "1",
      type: "PTR",
      value: "www.widgetco.example.",
    });
    await project.set("sites.widgetco.aliases[1]", "*.widgetco.example");
    const records = [
      ["_443._tcp", "TLSA", `3 1 1 ${"5f".repeat(32)}`],
      ["@", "HTTPS", '1 . alpn="h2"'],
      ["@", "CAA", '0 issuemail "ca.example.net; x=y"'],
      ["@", "TYPE65280", "\\# 2 abcd"],
      ["@", "LOC", "52 22 23.000 N 4 53 32.000 E 0.00m 1m 10000m 10m"],
    ];
    const own = (i: number): string => `zones["widgetco.example"].records[${i}]`;
    for (const [i, [name, type, value]] of records.entries()) await setAll(own(i + 1), { name, type, value });
    await up();
    assert.doesNotMatch(await up(), /updated|created|deleted/);
    /** What both say, in order. */
    const dig = async (question: string): Promise<string> => {
      const [one, other] = await Promise.all(
        ["192.0.2.10", "192.0.2.5"].map((at) =>
          sh("client", `dig +short +time=2 +tries=1 @${at} ${question} | sort | paste -s -d ' '`),
        ),
      );
      assert.equal(one, other);
      return one.trim();
    };
    assert.equal(await dig(`1.${NETWORK} PTR`), "www.widgetco.example.");
    assert.match(await dig("_sites.widgetco.example SOA"), /^ns1\.widgetco\.example\./);
    assert.equal(await dig("made-up.widgetco.example"), [...WIDGETCO].sort().join(" "));
    assert.equal(await whoServes(lab, WIDGETCO[1], "made-up.widgetco.example", healthPath), "web2");
    assert.match(await dig("widgetco.example CAA"), /issuemail/);
    assert.equal(await dig("widgetco.example TYPE65280"), "\\# 2 ABCD");
    assert.match(await dig("_443._tcp.widgetco.example TLSA"), /^3 1 1 5F5F/);

    await setAll(own(records.length), { value: "here" });
    const refused = await project.up();
    assert.match(
      refused.stdout,
      /named-checkzone rejects zone widgetco\.example: line \d+: .*; nothing was changed/,
    );
    for (const [i] of records.entries()) await project.drop(own(records.length - i));
    for (const zone of [NETWORK, "_sites.widgetco.example"]) await project.drop(`zones["${zone}"]`);
    await up();
    assert.equal(
      await sh("ns1", "ls /etc/bind/loopback-ha"),
      "gadgets.example.zone\nwidgetco.example.zone\n",
    );
  });
});
