import assert from "assert";
import { VipBinding } from "../../components/addressPlan";
import {
  SiteArgs,
  VhostContext,
  healthAnswer,
  healthPath,
  renderVhosts,
} from "../../components/webServerPool/vhost";

const context = { instance: "farm.prod.web-web1.vhosts", prefixes: ["192.0.2.32/30", "192.0.2.64/30"] };
const alias: VhostContext = { ...context, binding: VipBinding.Alias };
const subnet: VhostContext = { ...context, binding: VipBinding.Subnet };
const site = (name: string, rest: Partial<SiteArgs> = {}): SiteArgs => ({
  name,
  serverName: `www.${name}.example`,
  documentRoot: `/srv/${name}`,
  vips: ["192.0.2.33", "192.0.2.65"],
  ...rest,
});

const unknown = `<VirtualHost 192.0.2.33:80 192.0.2.65:80>
    ServerName unknown.loopback-ha.invalid
    Redirect 421 /
</VirtualHost>
`;
const known = `<VirtualHost 192.0.2.33:80 192.0.2.65:80>
    ServerName www.shop.example
    ServerAlias shop.example
    DocumentRoot "/srv/shop"
    <Directory "/srv/shop">
        Options FollowSymLinks
        Require all granted
    </Directory>
    Alias "/.well-known/loopback-ha/@SECRET:health@" "/var/lib/loopback-ha/farm.prod.web-web1.vhosts/health/shop"
    <Directory "/var/lib/loopback-ha/farm.prod.web-web1.vhosts/health">
        AllowOverride None
        Require all granted
        ForceType text/plain
    </Directory>
    SetEnvIf Request_URI "^/.well-known/loopback-ha/@SECRET:health@$" loopback_ha_health
    CustomLog \${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined env=!loopback_ha_health
</VirtualHost>
`;
const shop = site("shop", { aliases: ["shop.example"] });

describe("renderVhosts", () => {
  it("alias: a file a site, names that are unknown before it", () => {
    assert.deepStrictEqual(renderVhosts([shop], alias), { "private/sites/site-shop.conf": unknown + known });
  });

  it("subnet: every bound address answers unknown names, in the first file", () => {
    const files = renderVhosts([shop], subnet);
    const all = [32, 33, 34, 35, 64, 65, 66, 67].map((n) => `192.0.2.${n}:80`).join(" ");
    assert.deepStrictEqual(files, {
      "private/sites/000-unassigned.conf": unknown.replace("192.0.2.33:80 192.0.2.65:80", all),
      "private/sites/site-shop.conf": known,
    });
    assert.deepStrictEqual(Object.keys(files).sort(), Object.keys(files));
  });

  for (const [what, how] of [
    ["alias", alias],
    ["subnet", subnet],
  ] as const) {
    it(`${what}: a new site is one new file, and order does not matter`, () => {
      const [a, b, c] = ["a", "b", "c"].map((name) => site(name));
      const all = renderVhosts([c, a, b], how);
      assert.strictEqual(JSON.stringify(all), JSON.stringify(renderVhosts([a, b, c], how)));
      const { "private/sites/site-b.conf": added, ...rest } = all;
      assert.ok(added);
      assert.deepStrictEqual(rest, renderVhosts([c, a], how));
    });
  }

  it("has no file without a site, besides the one for unknown names", () => {
    assert.deepStrictEqual(renderVhosts([], alias), {});
    assert.deepStrictEqual(Object.keys(renderVhosts([], subnet)), ["private/sites/000-unassigned.conf"]);
  });

  it("asks and answers for health by server and site", () => {
    assert.strictEqual(healthPath("t0k3n"), "/.well-known/loopback-ha/t0k3n");
    assert.strictEqual(healthAnswer("web1", "shop"), "web1 shop");
  });
});
