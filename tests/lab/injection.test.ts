/** Texts of the configuration that look odd and are accepted: each program that reads them takes them as they were written. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import fc from "fast-check";
import { readFarm } from "../../components/config";
import { sshArguments } from "../../components/host/ssh";
import { filesOf } from "../../components/host/payload.cjs";
import { VipBinding } from "../../components/network/addressPlan";
import { renderZone } from "../../components/dnsRoundRobin/zone";
import { ServerState } from "../../components/network/serverState";
import { markMaskIssue, renderServers } from "../../components/routerRoute/pinning";
import { routerKind } from "../../components/routerRoute/kindRegistry";
import { renderRoutes, renderSettings } from "../../components/routerRoute/routes";
import { renderSites, renderVhosts } from "../../components/webServerPool/vhostTemplate";
import { Lab } from "../../lab/lab";
import { checkout } from "../../lab/state";
import { FIELDS, hostile, withValue } from "../unit/config/hostile";
import { Key, problemsOf, zone } from "../unit/config/support";
import { asLib, awkOf, machineScripts } from "../unit/machineScripts";
import { emptyLab } from "./support";

const MOST = 40;
/** Odd and perhaps allowed: words of what some parts of the configuration take. */
const odd = (works: string): fc.Arbitrary<string> => {
  const word = (letters: string) =>
    fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 });
  return fc.oneof(
    hostile(works),
    word("aZ09._-/+@*"),
    fc
      .tuple(word("aZ09._-+"), fc.nat(works.length))
      .map(([text, where]) => works.slice(0, where) + text + works.slice(where)),
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 300 }),
  );
};

/** Texts that the configuration takes there, up to MOST. */
function taken(
  at: Key[],
  works: string,
  more: (config: ReturnType<typeof withValue>) => void = () => undefined,
): string[] {
  const texts = [works, ...fc.sample(odd(works), 1500)];
  const sound = new Set<string>();
  for (const text of texts) {
    const config = withValue(at, text);
    more(config);
    if (!sound.has(text) && problemsOf(config).length === 0) sound.add(text);
    if (sound.size === MOST) break;
  }
  return [...sound];
}

/** A shell script's word. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Lines of shell that write these files below a folder. */
const writing = (folder: string, files: Record<string, string>): string =>
  Object.entries(files)
    .map(
      ([name, text]) =>
        `mkdir -p "$(dirname ${quoted(`${folder}/${name}`)})"; printf %s ${quoted(text)} >${quoted(`${folder}/${name}`)}`,
    )
    .join("\n");

describe("odd texts that are accepted (story)", function () {
  const lab = new Lab();
  const run = async (machine: string, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(machine, ["bash", "-s"], { input: script });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const FOLDER = "/tmp/injection";

  before(() => emptyLab(lab));
  after(() => Promise.all(["web1", "ns1", "r1"].map((name) => run(name, `rm -rf ${FOLDER}`))));

  it("are one word each for ssh, split by the shell that removes", async () => {
    const users = taken(["servers", "web1", "ssh", "user"], "deploy");
    const files = taken(["servers", "web1", "ssh", "configFile"], "./ssh_config");
    assert.ok(users.length > 5 && files.length > 5);
    for (const ssh of [...users.map((user) => ({ user })), ...files.map((configFile) => ({ configFile }))]) {
      const words = sshArguments({ name: "web1", address: "192.0.2.2", ssh });
      const split = `set -f; printf '%s\\n' $LOOPBACK_HA_SSH`;
      const { stdout } = await lab.exec("operator", ["sh", "-c", split], {
        env: { LOOPBACK_HA_SSH: words.join(" ") },
      });
      assert.deepEqual(stdout.trimEnd().split("\n"), words);
    }
    for (const user of users) {
      const { stdout } = await lab.exec("operator", [
        "ssh",
        "-G",
        ...sshArguments({ name: "web1", address: "192.0.2.2", ssh: { user } }),
      ]);
      assert.match(stdout, new RegExp(`^user ${user.replaceAll(".", "\\.")}$`, "m"));
      assert.doesNotMatch(stdout, /^proxycommand/m);
    }
  });

  it("are what Apache has, and what the host scripts read from its files", async () => {
    // Without the first one, which other tests have made there.
    const roots = taken(["sites", "widgetco", "documentRoot"], "/srv/www/widgetco").slice(1);
    const names = taken(["sites", "widgetco", "serverName"], "www.widgetco.example");
    assert.ok(roots.length > 5 && names.length > 5);
    const sites = roots.map((documentRoot, i) => ({
      name: `s${i}`,
      serverName: names[i % names.length].toLowerCase(),
      aliases: [names[(i + 1) % names.length].toLowerCase()],
      documentRoot,
      vips: [`192.0.2.${33 + (i % 30)}`],
    }));
    const context = { prefixes: ["192.0.2.32/27"], binding: VipBinding.Alias };
    const files = Object.fromEntries(
      Object.entries(filesOf({ want: renderVhosts(renderSites(sites), context) })).map(([name, text]) => [
        `want/${name}`,
        text.replaceAll("@SECRET:health@", "0"),
      ]),
    );
    const apache = `ServerRoot /etc/apache2\nServerName x\nPidFile ${FOLDER}/pid\nErrorLog ${FOLDER}/log\nDefine APACHE_LOG_DIR ${FOLDER}\nInclude mods-enabled/*.load\nLogFormat "%h" vhost_combined\nListen 80\nInclude ${FOLDER}/vhosts.conf\n`;
    const scripts = machineScripts("webServerPool");
    const awk = Object.fromEntries(
      Object.entries(awkOf(scripts)).map(([name, text]) => [`scripts/${name}`, text]),
    );
    const role = await run(
      "web1",
      `rm -rf ${FOLDER}\n${writing(FOLDER, { ...files, "apache.conf": apache, "scripts/roots.sh": "", "scripts/foreign.sh": "", ...awk })}
      ${asLib()}machine=web1 scripts=${FOLDER}/scripts
      ${scripts["role.sh"]}
      render ${FOLDER} >${FOLDER}/vhosts.conf; roots ${FOLDER}; echo; questions ${FOLDER} ${FOLDER}/want/sites | awk -F '\\t' '$6 == 200 { print $4, $2 }'`,
    );
    const dump = await run("web1", `apache2 -t -D DUMP_VHOSTS -f ${FOLDER}/apache.conf 2>&1`);
    for (const { serverName, aliases, documentRoot } of sites) {
      assert.ok(dump.includes(`${serverName} (${FOLDER}/vhosts.conf:`), `${serverName}\n${dump}`);
      assert.ok(dump.includes(`alias ${aliases[0]}\n`), aliases[0]);
      assert.ok(dump.includes(`DocumentRoot [${documentRoot}] does not exist`), `${documentRoot}\n${dump}`);
    }
    const [foundRoots, asked] = role.split("\n\n").map((part) => part.trim().split("\n"));
    assert.deepEqual(foundRoots.sort(), [...new Set(roots)].sort());
    const wanted = sites.map(({ serverName, vips }) => `${serverName} ${vips[0]}`);
    assert.deepEqual(asked.sort(), wanted.sort());
  });

  it("are what named has in its zones", async () => {
    const at = ["zones", zone, "records", 0];
    const named = (type: string) => (config: ReturnType<typeof withValue>) => {
      const { records } = (config.zones as Record<string, { records: Record<string, unknown>[] }>)[zone];
      Object.assign(records[0], { type, ...(type === "AAAA" ? { value: "2001:db8::1" } : { name: "odd" }) });
    };
    const txt = taken([...at, "value"], "v=spf1 -all", named("TXT"));
    const caa = taken([...at, "value"], '0 issue "ca.example.net"', named("CAA"));
    const owners = taken([...at, "name"], "mail2", named("AAAA"));
    const contacts = taken(["zones", zone, "contact"], FIELDS[`zones.${zone}.contact`].works);
    assert.ok(
      Math.min(txt.length, caa.length, owners.length, contacts.length) > 5,
      `${txt.length} ${caa.length} ${owners.length} ${contacts.length}`,
    );
    const { timers, ttl, nsRecords } = readFarm(withValue(["detectDrift"], true)).zones[0];
    const texts = contacts.map((contact, i) =>
      renderZone({
        zone,
        nsRecords: nsRecords.slice(0, 1),
        contact,
        timers,
        ttl,
        sites: [],
        records: [
          { name: "ns1", type: "A", value: "192.0.2.30" },
          { name: "note", type: "TXT", value: txt[i % txt.length] },
          { name: "rights", type: "CAA", value: caa[i % caa.length] },
          { name: owners[i % owners.length], type: "AAAA", value: "2001:db8::1" },
        ],
      }),
    );
    const files = Object.fromEntries(texts.map((text, i) => [`${i}.zone`, text.replace("@SERIAL@", "1")]));
    const dumps = await run(
      "ns1",
      `rm -rf ${FOLDER}\n${writing(FOLDER, files)}\ncd ${FOLDER}; for i in $(seq 0 ${texts.length - 1}); do named-checkzone -D -q -i local -k fail ${zone} $i.zone || exit 1; echo "== $i"; done`,
    );
    dumps
      .split(/^== \d+\n/m)
      .slice(0, -1)
      .forEach((dump, i) => {
        const rows = dump
          .trimEnd()
          .split("\n")
          .map((row) => /^(\S+)\s+\d+ IN (\S+)\s+(.*)$/.exec(row)!.slice(1));
        const rest = (type: string): string => rows.find((row) => row[1] === type)![2];
        const unescaped = (text: string): string => text.replace(/\\(.)/g, "$1");
        const strings = [...rest("TXT").matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => unescaped(text));
        assert.equal(strings.join(""), txt[i % txt.length]);
        assert.equal(unescaped(rest("CAA")), caa[i % caa.length]);
        const owner = owners[i % owners.length].toLowerCase();
        const name = rows.find((row) => row[1] === "AAAA")![0].toLowerCase();
        assert.equal(unescaped(name), owner === "@" ? `${zone}.` : `${owner}.${zone}.`);
        const [local, domain] = contacts[i].split("@");
        const mailbox = rest("SOA").split(" ")[1];
        assert.ok(mailbox.endsWith(`.${domain}.`), mailbox);
        assert.equal(unescaped(mailbox.slice(0, -domain.length - 2)), local);
        assert.equal(rows.length, 6, dump);
      });
  });

  it("are what nft loads on the router", async () => {
    const masks = taken(["routers", "r1", "pinning", "markMask"], "0xff000000");
    assert.ok(masks.every((mask) => markMaskIssue(mask) === undefined));
    const names = [
      ...new Set([
        "web1",
        ...fc.sample(fc.string({ unit: fc.constantFrom(..."az09-"), minLength: 1, maxLength: 40 }), 300),
      ]),
    ]
      .filter((name) => problemsOf(withValue(["servers", name], { address: "192.0.2.9" })).length === 0)
      .slice(0, 20);
    const servers = names.map((name, i) => ({
      name,
      address: `192.0.2.${2 + i}`,
      state: i === 1 ? ServerState.Down : ServerState.Active,
    }));
    const serverSubnet = "192.0.2.0/27";
    const folders = [path.join(checkout, "components/host/machine"), ...routerKind("linux").scripts];
    const scripts = Object.fromEntries(
      folders.flatMap((folder) =>
        fs
          .readdirSync(folder)
          .filter((name) => /\.(sh|pl|awk)$/.test(name))
          .map((name) => [`scripts/${name}`, fs.readFileSync(path.join(folder, name), "utf8")]),
      ),
    );
    for (const markMask of masks.slice(0, 8)) {
      const pinning = { markMask };
      if (Number(markMask) < 0x20) continue;
      const want = {
        servers: renderServers(servers, serverSubnet, pinning),
        routes: renderRoutes(
          servers
            .slice(0, 1)
            .map(({ name, address }) => ({ prefix: "192.0.2.32/27", server: name, nextHop: address })),
        ),
        block: "192.0.2.0/24\n",
        settings: renderSettings({ serverSubnet, pinFlows: true, pinning: { ...pinning, helpers: ["ftp"] } }),
      };
      const files = {
        ...scripts,
        ...Object.fromEntries(Object.entries(want).map(([name, text]) => [`want/${name}`, text])),
        meta: "instance=a.b.c.d\nmachine=r1\nversion=1\n",
      };
      const ruleset = await run(
        "r1",
        `rm -rf ${FOLDER}\n${writing(FOLDER, files)}\n[[ -d /run/loopback-ha ]] || mkdir -m 700 /run/loopback-ha
        . ${FOLDER}/scripts/lib.sh; learn_macs "$bundle"; pin_ruleset "$bundle" | tee ${FOLDER}/rules; nft -c -f ${FOLDER}/rules; rm -rf /run/loopback-ha`,
      );
      assert.match(ruleset, /ct helper set "ftp"/);
    }
  });
});
