import assert from "assert";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { VipBinding } from "../../components/network/addressPlan";
import {
  SiteArgs,
  VhostContext,
  healthAnswer,
  healthPath,
  renderDirectives,
  renderSites,
  renderVhosts,
} from "../../components/webServerPool/vhostTemplate";
import { filesOf } from "../../components/host/payload.cjs";
import { namesOf } from "../../components/webServerPool/lineFormats.cjs";
import { asLib, installScripts } from "./machineScripts";

const context = { prefixes: ["192.0.2.32/30", "192.0.2.64/30"] };
const alias: VhostContext = { ...context, binding: VipBinding.Alias };
const subnet: VhostContext = { ...context, binding: VipBinding.Subnet };
const site = (name: string, rest: Partial<SiteArgs> = {}): SiteArgs => ({
  name,
  serverName: `www.${name}.example`,
  documentRoot: `/srv/${name}`,
  vips: ["192.0.2.33", "192.0.2.65"],
  ...rest,
});

const unknown = (listen: string): string => `<VirtualHost ${listen}>
    ServerName unknown.loopback-ha.invalid
    Redirect 421 /
</VirtualHost>
`;
const known = `<VirtualHost @LISTEN@>
    ServerName @SERVER_NAME@
    ServerAlias @ALIAS@
    <IfModule rewrite_module>
        RewriteEngine On
        RewriteRule "^/.well-known/loopback-ha/@SECRET:health@$" - [END]
    </IfModule>
    DocumentRoot "@ROOT@"
    <Directory "@ROOT@">
        Options FollowSymLinks
        Require all granted
    </Directory>
    CustomLog \${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined env=!loopback_ha_health
    @DIRECTIVES@
    <Location "/.well-known/loopback-ha/@SECRET:health@">
        <If true>
            Redirect 200
            ErrorDocument 200 "@MACHINE@ @SITE@"
            <If true>
                Redirect 200
                ErrorDocument 200 "@MACHINE@ @SITE@"
            </If>
        </If>
    </Location>
</VirtualHost>
`;
const server = `SetEnvIf Request_URI "^/.well-known/loopback-ha/@SECRET:health@$" loopback_ha_health no-proxy
`;
const shop = site("shop", { aliases: ["shop.example"] });
const line = "www.shop.example,shop.example 192.0.2.33,192.0.2.65 /srv/shop";

const render = (sites: SiteArgs[], how: VhostContext) => renderVhosts(renderSites(sites), how);

/** What role.sh makes of the wanted files. */
function onMachine(files: Record<string, string>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-vhosts-"));
  try {
    fs.mkdirSync(path.join(folder, "want", "private"), { recursive: true });
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, "want", name), text);
    const scripts = path.join(folder, "scripts");
    installScripts(scripts, "webServerPool");
    const lines = `set -eu; ${asLib()}machine=web1 scripts=${scripts}; . "$scripts/role.sh"; render ${folder}`;
    return execFileSync("bash", ["-c", lines], { encoding: "utf8" });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

describe("renderVhosts", () => {
  it("alias: writes one line for each site, after the virtual hosts for unknown names", () => {
    assert.deepStrictEqual(render([shop], alias), {
      "private/server.conf": server,
      "private/vhost.conf": `# site @SITE@\n${unknown("@LISTEN@")}${known}`,
      sites: { shop: line },
    });
  });

  it("subnet: answers unknown names on every bound address, before all sites", () => {
    assert.deepStrictEqual(render([shop], subnet), {
      "private/server.conf": `${server}${unknown("@EVERY:192.0.2.32/30@ @EVERY:192.0.2.64/30@")}`,
      "private/vhost.conf": `# site @SITE@\n${known}`,
      sites: { shop: line },
    });
  });

  for (const [what, how] of [
    ["alias", alias],
    ["subnet", subnet],
  ] as const) {
    it(`${what}: adds one line for a new site, and order does not matter`, () => {
      const [a, b, c] = ["a", "b", "c"].map((name) => site(name));
      const all = render([c, a, b], how);
      assert.strictEqual(JSON.stringify(all), JSON.stringify(render([a, b, c], how)));
      const { b: added, ...rest } = all.sites as Record<string, string>;
      assert.ok(added);
      assert.deepStrictEqual({ ...all, sites: rest }, render([c, a], how));
    });
  }

  it("subnet: writes out every address of every prefix on the machine", () => {
    const prefixes = ["192.0.2.32/30", "192.0.252.0/22"];
    const text = onMachine(filesOf({ want: render([shop], { ...subnet, prefixes }) }));
    const [listen] = /(?<=<VirtualHost ).*(?=>\n +ServerName unknown)/.exec(text)!;
    const addresses = listen.split(" ");
    assert.deepStrictEqual(
      addresses.slice(0, 5),
      [32, 33, 34, 35].map((n) => `192.0.2.${n}:80`).concat("192.0.252.0:80"),
    );
    assert.strictEqual(addresses.length, 4 + 1024);
    assert.deepStrictEqual([addresses[4 + 256], addresses[4 + 1023]], ["192.0.253.0:80", "192.0.255.255:80"]);
    assert.ok(!text.includes("@EVERY") && text.includes("ServerName www.shop.example"));
  });

  it("answers nothing for a site whose own lines run programs if the module for that is gone", () => {
    const handler = '  sethandler "proxy:unix:/run/php.sock|fcgi://localhost"';
    const sites = [
      site("a", { apache: ['<FilesMatch "\\.php$">', handler, "</FilesMatch>"] }),
      site("b", { apache: [`#${handler}`, 'SetHandler "proxy:http://127.0.0.1/"'] }),
    ];
    const text = onMachine(
      filesOf({ want: renderVhosts(renderSites(sites), subnet, renderDirectives(sites)) }),
    );
    const [, a, b] = text.split("# site ");
    const guard = `</FilesMatch>
    <IfModule !proxy_fcgi_module>
        <Location "/">
            Redirect 503
        </Location>
    </IfModule>
    <Location "/.well-known/`;
    assert.ok(a.includes(guard), a);
    assert.doesNotMatch(b, /IfModule !proxy|503/);
  });

  it("puts a site's own lines, unchanged, last in each of its virtual hosts but for the health path, and in no other's", () => {
    const sites = [
      site("a", { apache: ["<Location />", "  Require @ROOT@ all \\", "denied", "", "</Location>"] }),
      site("b", { aliases: ["*.b.example"], apache: ['SetEnv A "${secret:db}"'] }),
      site("c"),
    ];
    const want = renderVhosts(renderSites(sites), subnet, renderDirectives(sites));
    assert.strictEqual(
      want["private/directives"],
      'a - <Location />\na -   Require @ROOT@ all \\\na - denied\na - \na - </Location>\nb * SetEnv A "@SECRET:site_db@"\n',
    );
    const text = onMachine(filesOf({ want }));
    const ends = [
      ...text.matchAll(/^# site (\w)\n[^]*?env=!loopback_ha_health\n([^]*?) {4}<Location "\/\.well-known/gm),
    ];
    const own = 'SetEnv A "@SECRET:site_db@"\n';
    assert.deepStrictEqual(
      ends.map(([, name, lines]) => [name, lines]),
      [
        ["a", "<Location />\n  Require @ROOT@ all \\\ndenied\n\n</Location>\n"],
        ["b", own],
        ["c", ""],
        ["b", own],
      ],
    );
    assert.ok(!("private/directives" in renderVhosts(renderSites(sites), subnet, "")));
  });

  it("puts a wildcard after all exact names of sites with the same VIP, the longer one first", () => {
    const sites = [
      site("a", { aliases: ["*.example", "*.dev.shop.example"] }),
      site("b", { aliases: ["*.shop.example"] }),
      site("c", { serverName: "x.dev.shop.example" }),
      site("d", { aliases: ["*.own.example"], vips: ["192.0.2.34"] }),
    ];
    const names = onMachine(filesOf({ want: render(sites, subnet) }))
      .split("\n")
      .flatMap((text) => /^ {4}Server(?:Name|Alias) (.*)/.exec(text)?.[1] ?? []);
    assert.deepStrictEqual(names.slice(1), [
      "www.a.example",
      "www.b.example",
      "x.dev.shop.example",
      ...["www.d.example", "*.own.example"],
      ...["www.a.example", "*.dev.shop.example"],
      ...["www.b.example", "*.shop.example"],
      ...["www.a.example", "*.example"],
    ]);
  });

  it("writes no site's text without a site", () => {
    for (const how of [alias, subnet]) assert.deepStrictEqual(render([], how).sites, {});
  });

  it("reads the names of a line, and where they are served", () => {
    assert.deepStrictEqual(namesOf(`shop ${line}`), [
      { name: "www.shop.example", address: "192.0.2.33" },
      { name: "www.shop.example", address: "192.0.2.65" },
      { name: "shop.example", address: "192.0.2.33" },
      { name: "shop.example", address: "192.0.2.65" },
    ]);
  });

  it("has a health path for each server and site", () => {
    assert.strictEqual(healthPath("t0k3n"), "/.well-known/loopback-ha/t0k3n");
    assert.strictEqual(healthAnswer("web1", "shop"), "web1 shop");
  });
});
