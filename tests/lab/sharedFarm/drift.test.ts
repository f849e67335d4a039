import assert from "node:assert/strict";
import { whoServes } from "../../../lab/client";
import { ExecResult } from "../../../lab/lab";
import { Project } from "../../../lab/project";
import { Farm, within } from "../support";

const WIDGETCO = ["192.0.2.37", "192.0.2.69", "192.0.2.101", "192.0.2.133"];
const SERVERS = ["web1", "web2", "web3", "web4"];
const MANAGED = ["r1", ...SERVERS, "ns1"];

/** What somebody does to a machine by hand, and what a preview must say of it. */
interface Tampering {
  what: string;
  machine: string;
  by: string;
  /** Lines of the diff, in order. */
  lines: RegExp[];
  /** The commands that an up runs, and no others. */
  commands: string[];
}

const vipsOf = (name: string): string => `web-${name}-vips-192.0.2.${SERVERS.indexOf(name) + 2}`;
const vhostsOf = (name: string): string => `web-vhosts-${name}-192.0.2.${SERVERS.indexOf(name) + 2}`;
const zoneOf = (zone: string): string => `${zone}-zone-ns1-192.0.2.10`;
const VHOSTS = "/etc/apache2/sites-enabled/loopback-ha.loopback-ha.lab.web-web2.vhosts.conf";
const ZONE = "/etc/bind/loopback-ha/widgetco.example.zone";

/** Else the VIPs are back within a second. */
const STOP_KEEPING = "systemctl stop 'loopback-ha.*.vips.service'";
const NOT_KEPT = [/^- service \S+\.vips\.service running$/, /^\+ service \S+\.vips\.service not running$/];

const LOOPBACK_VIP: Tampering[] = [
  {
    what: "an address removed from lo",
    machine: "web1",
    by: `${STOP_KEEPING}; ip address del 192.0.2.37/32 dev lo`,
    lines: [/^- address 192\.0\.2\.37\/32 on lo$/, ...NOT_KEPT],
    commands: [vipsOf("web1")],
  },
  {
    what: "a sysctl changed",
    machine: "web4",
    by: `${STOP_KEEPING}; echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore`,
    lines: [
      /^- sysctl net\.ipv4\.conf\.all\.arp_ignore = 1$/,
      /^\+ sysctl net\.ipv4\.conf\.all\.arp_ignore = 0$/,
      ...NOT_KEPT,
    ],
    commands: [vipsOf("web4")],
  },
  {
    what: "the route against loops deleted and the service disabled",
    machine: "web3",
    by: `${STOP_KEEPING}; ip route del unreachable 192.0.2.64/27; systemctl disable --quiet loopback-ha.loopback-ha.lab.web-web3.vips`,
    lines: [
      /^- unreachable route 192\.0\.2\.64\/27$/,
      /^- service \S+web-web3\.vips\.service enabled at boot$/,
      ...NOT_KEPT,
    ],
    commands: [vipsOf("web3")],
  },
];

const WEB_SERVER_POOL: Tampering[] = [
  {
    what: "an extra line in a vhost, which Apache refuses",
    machine: "web2",
    by: `sed -i '0,/^<\\/VirtualHost>/s//&\\nBogus on/' ${VHOSTS}`,
    lines: [/^\+ vhost gadgets: Bogus \(not shown/],
    commands: [vhostsOf("web2")],
  },
  {
    what: "vhost lines edited, one with the secret path",
    machine: "web2",
    by: `token=$(sed -n 's/^    <Location "[^"]*\\/\\([^"]*\\)".*/\\1/p' ${VHOSTS} | head -n 1) &&
      sed -i "/^# site widgetco/,\\$ { s/ServerAlias widgetco/ServerAlias other/; s/^    <Location \\"/&\\/x/; }; \\$ a# old:
        /^# site gadgets/ a# moved to $token" ${VHOSTS} && systemctl reload apache2`,
    lines: [
      /^\+ vhost gadgets: # \(not shown/,
      /^- vhost widgetco: {5}ServerAlias widgetco\.example$/,
      /^\+ vhost widgetco: {5}ServerAlias \(not shown/,
      /^- vhost widgetco: {5}<Location \(not shown/,
      /^\+ vhost widgetco: {5}<Location \(not shown/,
      /^\+ vhost widgetco: # \(not shown/,
    ],
    commands: [vhostsOf("web2")],
  },
  {
    what: "the include of the vhosts deleted",
    machine: "web3",
    by: "rm /etc/apache2/sites-enabled/loopback-ha.*.conf && systemctl reload apache2",
    lines: [/^- \/etc\/apache2\/sites-enabled\/loopback-ha\.loopback-ha\.lab\.web-web3\.vhosts\.conf$/],
    commands: [vhostsOf("web3")],
  },
  {
    what: "a document root removed and Apache stopped",
    machine: "web1",
    by: "rm -r /srv/www/gadgets && systemctl stop apache2",
    lines: [/^- document root \/srv\/www\/gadgets$/, /^- Apache running$/, /^\+ Apache not running$/],
    commands: [vhostsOf("web1")],
  },
];

const ROUTER_ROUTE: Tampering[] = [
  {
    what: "a route deleted while the service that keeps it is stopped",
    machine: "r1",
    by: "systemctl stop 'loopback-ha.*' && ip route del 192.0.2.64/27",
    lines: [
      /^- route 192\.0\.2\.64\/27 via 192\.0\.2\.3/,
      /^- service \S+ running$/,
      /^\+ service \S+ not running$/,
    ],
    commands: ["r1-routes-192.0.2.1"],
  },
  {
    what: "a route replaced by another admin's",
    machine: "r1",
    by: "ip route replace 192.0.2.64/27 via 192.0.2.4",
    lines: [/^- route 192\.0\.2\.64\/27 via 192\.0\.2\.3/, /^\+ route 192\.0\.2\.64\/27 via 192\.0\.2\.4/],
    commands: ["r1-routes-192.0.2.1"],
  },
];

const DNS_ROUND_ROBIN: Tampering[] = [
  {
    what: "a zone file edited and loaded",
    machine: "ns1",
    by: `sed -Ei 's/[0-9]+( +; serial)/2099010100\\1/' ${ZONE} && echo 'other IN A 192.0.2.9' >>${ZONE} && rndc reload widgetco.example && sleep 1`,
    lines: [
      /^\+ zone widgetco\.example: other IN A 192\.0\.2\.9$/,
      /^- zone widgetco\.example: serial \d+$/,
      /^\+ zone widgetco\.example: serial 2099010100$/,
      /^- named serves zone widgetco\.example with serial \d+$/,
      /^\+ named serves zone widgetco\.example with serial 2099010100$/,
    ],
    commands: [zoneOf("widgetco.example")],
  },
  {
    what: "our line in named.conf.local deleted",
    machine: "ns1",
    by: "sed -i '/loopback-ha/d' /etc/bind/named.conf.local && rndc reconfig && sleep 1",
    lines: ["gadgets", "widgetco"].flatMap((zone) => [
      /^- in \/etc\/bind\/named\.conf\.local: include "\/etc\/bind\/loopback-ha\.conf";$/,
      new RegExp(`^- named serves zone ${zone}\\.example$`),
      new RegExp(`^\\+ named does not serve zone ${zone}\\.example$`),
    ]),
    commands: [zoneOf("gadgets.example"), zoneOf("widgetco.example")],
  },
  {
    what: "a zone's clause and file deleted",
    machine: "ns1",
    by: `sed -i '/"gadgets/d' /etc/bind/loopback-ha.conf && rm /etc/bind/loopback-ha/gadgets.example.zone && rndc reconfig && sleep 1`,
    lines: [
      /^- in \/etc\/bind\/loopback-ha\.conf: zone "gadgets\.example"$/,
      /^- \/etc\/bind\/loopback-ha\/gadgets\.example\.zone$/,
      /^- named serves zone gadgets\.example$/,
      /^\+ named does not serve zone gadgets\.example$/,
    ],
    commands: [zoneOf("gadgets.example")],
  },
  {
    what: "named stopped",
    machine: "ns1",
    by: "systemctl stop named",
    lines: ["gadgets", "widgetco"].flatMap((zone) => [
      new RegExp(`^- named serves zone ${zone}\\.example$`),
      new RegExp(`^\\+ named does not serve zone ${zone}\\.example$`),
    ]),
    commands: [zoneOf("gadgets.example"), zoneOf("widgetco.example")],
  },
];

const COMPONENTS = [LOOPBACK_VIP, WEB_SERVER_POOL, ROUTER_ROUTE, DNS_ROUND_ROBIN];

/** All of them, and the first of each component once more; in a round, on each machine one at most. */
const ROUNDS: Tampering[][] = [];
for (const tampering of [...COMPONENTS.flat(), ...COMPONENTS.map(([first]) => first)]) {
  const before = ROUNDS.filter((round) => round.some(({ machine }) => machine === tampering.machine));
  (ROUNDS[before.length] ??= []).push(tampering);
}

/** On another machine each. */
const ONE_OF_EACH = [LOOPBACK_VIP[0], WEB_SERVER_POOL[2], ROUTER_ROUTE[1], DNS_ROUND_ROBIN[0]];

/** What the machines hold differently by their own word, and when each instance was last applied. */
const LOOK = `for state in /var/lib/loopback-ha/*/; do echo "$state $(cat $state/applied)"; done`;
const DIFFERENCES = `for script in /var/lib/loopback-ha/*/current/scripts/drift.sh; do bash $script || exit; done | awk '$2 == "drift" || $2 == "unknown"'`;

describe("drift", function () {
  const farm = new Farm();
  const { lab } = farm;
  let project: Project;
  let healthPath: string;

  const text = ({ stdout, stderr }: ExecResult): string => stdout + stderr;
  const sh = async (name: string, command: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, ["bash", "-c", command]);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const differences = (name: string): Promise<string> => sh(name, `${DIFFERENCES}; true`);
  const stamps = async (): Promise<Map<string, string>> => {
    const all = (await Promise.all(MANAGED.map((name) => sh(name, LOOK)))).join("");
    return new Map(
      all
        .trim()
        .split("\n")
        .map((line) => line.split(" ") as [string, string]),
    );
  };
  const preview = async (...args: string[]): Promise<string> => {
    const result = await project.pulumi(["preview", "--stack", "lab", ...args]);
    assert.equal(result.code, 0, text(result));
    return text(result);
  };
  const up = async (): Promise<string> => {
    const result = await project.up();
    assert.equal(result.code, 0, text(result));
    return text(result);
  };
  const named = (printed: string, done: string): string[] =>
    [
      ...new Set(
        [...printed.matchAll(new RegExp(`command:local:Command (\\S+) ${done}`, "g"))].map(
          ([, name]) => name,
        ),
      ),
    ].sort();
  /** The lines of the warning about one machine. */
  const diffOf = (printed: string, machine: string): string[] => {
    // What streams by has first lines only.
    const rest = printed.split(`warning: ${machine} differs from what was applied to it`).at(-1) ?? "";
    return rest
      .split(/\n(?=\s*warning:|\S|\n)/)[0]
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => /^[-+]/.test(line));
  };
  const drifting = (printed: string): string[] => [
    ...new Set(
      [...printed.matchAll(/warning: (\S+) differs from what was applied to it/g)].map(([, name]) => name),
    ),
  ];
  const secret = (): string => healthPath.slice(healthPath.lastIndexOf("/") + 1);

  const seeAndRepair = async (tamperings: Tampering[]): Promise<void> => {
    const machines = tamperings.map(({ machine }) => machine);
    const commands = tamperings.flatMap((tampering) => tampering.commands).sort();
    const held = (): Promise<string[]> => Promise.all(machines.map(differences));
    for (const { machine, by } of tamperings) await sh(machine, by);
    const [before, different] = [await stamps(), await held()];
    const seen = await preview();
    assert.deepEqual(drifting(seen).sort(), [...machines].sort(), seen);
    for (const { machine, lines } of tamperings) {
      const diff = diffOf(seen, machine);
      assert.equal(diff.length, lines.length, seen);
      lines.forEach((line, i) => assert.match(diff[i], line));
    }
    assert.deepEqual(named(seen, "update"), commands, seen);
    assert.deepEqual(await held(), different);
    assert.deepEqual(await stamps(), before);

    const repaired = await up();
    assert.deepEqual(named(repaired, "updated"), commands);
    const after = await stamps();
    assert.equal([...after].filter(([instance, at]) => before.get(instance) !== at).length, commands.length);
    assert.equal((await held()).join(""), "");
    for (const printed of [seen, repaired]) assert.ok(!printed.includes(secret()), printed);

    const quiet = await preview();
    assert.deepEqual(named(quiet, "update"), [], quiet);
    assert.deepEqual(drifting(quiet), []);
    assert.deepEqual(
      await Promise.all(WIDGETCO.map((vip) => whoServes(lab, vip, "www.widgetco.example", healthPath))),
      SERVERS,
    );
  };

  before("a farm in the lab", async () => {
    await farm.take();
    ({ project, healthPath } = farm);
  });
  afterEach("one up, so that a failure stays one", async function () {
    if (this.currentTest?.state === "failed") await project.up();
  });
  after("the next has the farm", () => farm.handOn());

  describe("is seen by a preview, repaired by up, and then gone", () => {
    for (const round of ROUNDS)
      it(round.map(({ machine, what }) => `${machine}: ${what}`).join("; "), () => seeAndRepair(round));
  });

  describe("of VIPs is repaired by the server itself (L6)", () => {
    const UNIT = "loopback-ha.loopback-ha.lab.web-web2.vips.service";
    const FLUSH = "ip address flush dev lo scope global";
    const CASES: [string, string][] = [
      ["another admin flushes lo", FLUSH],
      ["lo goes down and up", "ip link set lo down; ip link set lo up"],
      ["networkd reads its files again", "networkctl reload; networkctl reconfigure lo"],
      ["the routes against loops go", "ip route flush proto 76"],
      ["the service that keeps them is killed", `systemctl kill -s KILL ${UNIT}; ${FLUSH}`],
      [
        "the service does not get its turn at a start",
        `systemctl stop ${UNIT}; ${FLUSH}; flock /run/loopback-ha/lock bash -c 'systemctl start --no-block ${UNIT}; sleep 1; systemctl kill -s KILL ${UNIT}'`,
      ],
      [
        "the service ran by the text of an earlier version, which ended after the start",
        `sed -i -e '/^ExecStartPre=/d; /^Restart/d' -e 's|^ExecStart=.*|Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true|' /etc/systemd/system/${UNIT}
         systemctl daemon-reload; systemctl restart ${UNIT}; systemctl is-active ${UNIT}
         bash /var/lib/loopback-ha/*.vips/current/scripts/apply.sh; ${FLUSH}`,
      ],
    ];
    for (const [what, by] of CASES) {
      it(`within 3 s: ${what}`, async () => {
        await sh("web2", by);
        await within(3, "back", async () => (await differences("web2")) === "");
      });
    }
  });

  it("discloses no secret: neither output nor state has the health path", async () => {
    await sh("web2", WEB_SERVER_POOL[1].by);
    const printed = (await preview("--diff")) + (await up());
    const { stdout: state } = await project.pulumi(["stack", "export", "--stack", "lab"], { check: true });
    assert.match(state, /DRIFT=\+ vhost gadgets: # \(not shown/);
    for (const out of [printed, state]) assert.ok(!out.includes(secret()));
  });

  it("is the same in preview and update: a saved plan holds", async () => {
    await sh("web1", LOOPBACK_VIP[0].by);
    const env = { PULUMI_EXPERIMENTAL: "true" };
    const plan = project.file("plan.json");
    const saved = await project.pulumi(["preview", "--save-plan", plan, "--stack", "lab"], { env });
    assert.equal(saved.code, 0, text(saved));
    const done = await project.pulumi(["up", "--yes", "--plan", plan, "--stack", "lab"], { env });
    assert.equal(done.code, 0, text(done));
    assert.deepEqual(named(done.stdout, "updated"), [vipsOf("web1")], text(done));
  });

  it("is shown for several machines at once, with one message for each (story)", async () => {
    for (const { machine, by } of ONE_OF_EACH) await sh(machine, by);
    assert.deepEqual(drifting(await preview()), ["r1", "web1", "web3", "ns1"]);
    await up();
    assert.deepEqual(drifting(await preview()), []);
  });

  it("is capped: a vhost with a thousand more lines is a short message that counts them", async () => {
    await sh("web2", `for i in $(seq 1000); do echo "# $i ${"x".repeat(300)}"; done >>${VHOSTS}`);
    const seen = await preview();
    assert.equal(diffOf(seen, "web2").length, 12);
    assert.match(seen, /and 988 more/);
    assert.ok(seen.length < 8000, String(seen.length));
    await up();
    assert.deepEqual(drifting(await preview()), []);
  });

  it("is also repaired by apply.sh run by hand", async () => {
    await sh("web2", WEB_SERVER_POOL[1].by);
    await sh("web2", "bash /var/lib/loopback-ha/*.vhosts/current/scripts/apply.sh");
    assert.equal(await differences("web2"), "");
    assert.deepEqual(drifting(await preview()), []);
  });

  it("is seen and repaired on a server in maintenance", async () => {
    await project.set("servers.web2.state", "maintenance");
    await up();
    for (const tampering of [{ ...LOOPBACK_VIP[0], machine: "web2" }, WEB_SERVER_POOL[0]]) {
      await sh("web2", tampering.by);
      const seen = await preview();
      assert.deepEqual(drifting(seen), ["web2"]);
      assert.match(diffOf(seen, "web2")[0], tampering.lines[0]);
      assert.equal(named(await up(), "updated").length, 1);
      const quiet = await preview();
      assert.deepEqual([drifting(quiet), named(quiet, "update")], [[], []]);
    }
    await project.set("servers.web2.state", "active");
    await up();
  });

  it("is not looked for with detectDrift: false, which says so and changes nothing", async () => {
    for (const { machine, by } of ONE_OF_EACH) await sh(machine, by);
    await project.set("detectDrift", "false");
    const before = await stamps();
    for (const printed of [await preview(), await up()]) {
      assert.match(printed, /detectDrift is false: no machine was checked/);
      assert.deepEqual([drifting(printed), named(printed, "updated?")], [[], []]);
    }
    assert.deepEqual(await stamps(), before);
    for (const { machine } of ONE_OF_EACH) assert.notEqual(await differences(machine), "", machine);
    await project.drop("detectDrift");
    await up();
    for (const { machine } of ONE_OF_EACH) assert.equal(await differences(machine), "", machine);
  });

  it("is unknown for a machine that does not answer: the preview warns, and goes on", async () => {
    await sh("web1", LOOPBACK_VIP[0].by);
    await lab.cut("web3");
    try {
      const seen = await preview();
      assert.match(seen, /warning: web3: not reachable, drift unknown \(/);
      assert.deepEqual(drifting(seen), ["web1"]);
      assert.deepEqual(named(seen, "update"), [vipsOf("web1")]);
    } finally {
      await lab.heal("web3");
    }
    await up();
  });

  it("is unknown where sudo is refused, and known where it is not", async () => {
    await sh("web4", LOOPBACK_VIP[1].by);
    await project.set("servers.web4.ssh.user", "deploy");
    assert.deepEqual(drifting(await preview()), ["web4"]);
    await project.set("servers.web4.ssh.user", "norights");
    const seen = await preview();
    assert.match(
      seen,
      /warning: web4: drift unknown \(its login user may not run commands as root without a password\)/,
    );
    assert.deepEqual(drifting(seen), []);
    await project.drop("servers.web4.ssh");
    await up();
    assert.equal(await differences("web4"), "");
  });

  it("gives way to in-doubt: a half-done change is not listed line by line", async () => {
    await sh(
      "web1",
      `${LOOPBACK_VIP[0].by} && echo then >/var/lib/loopback-ha/loopback-ha.lab.web-web1.vips/in-doubt`,
    );
    const seen = await preview("--diff");
    assert.match(seen, /in doubt: a run that started at then was not finished, or not recorded/);
    assert.match(seen, /DRIFT=a run that started at then/);
    assert.doesNotMatch(seen, /^ +- address/m);
    await up();
    assert.equal(await differences("web1"), "");
  });

  it("is not read while another run works on the machine", async () => {
    await sh("web1", LOOPBACK_VIP[0].by);
    const holder = await lab.spawn("web1", ["flock", "/run/loopback-ha/lock", "sleep", "60"]);
    try {
      const seen = await preview();
      assert.match(seen, /warning: web1: drift unknown \(another run is in progress here/);
      assert.deepEqual([drifting(seen), named(seen, "update")], [[], []]);
    } finally {
      holder.kill();
      await sh(
        "web1",
        "for i in $(seq 50); do flock -n /run/loopback-ha/lock true && exit 0; sleep 0.1; done; exit 1",
      );
    }
    await up();
    assert.equal(await differences("web1"), "");
  });

  it("is not held up by a machine whose look hangs: that is reported in time", async () => {
    await sh(
      "ns1",
      "touch /etc/bind/loopback-ha/gadgets.example.zone && mv /usr/sbin/rndc /usr/sbin/rndc.away && printf '#!/bin/sh\\nsleep 60\\n' >/usr/sbin/rndc && chmod +x /usr/sbin/rndc",
    );
    const began = Date.now();
    try {
      const seen = await preview();
      assert.match(
        seen,
        /warning: ns1: drift unknown \(no answer in time for loopback-ha\.lab\.gadgets\.example\.zone/,
      );
      assert.ok(Date.now() - began < 20_000);
    } finally {
      await sh("ns1", "mv /usr/sbin/rndc.away /usr/sbin/rndc");
    }
    assert.deepEqual(drifting(await preview()), []);
  });
});
