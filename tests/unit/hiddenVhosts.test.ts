import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { refuseHidden } from "../../cli/edits/site";
import { readFarm } from "../../components/config";
import { parseObservation } from "../../components/host/observe";
import { describeHidden, hiddenVhosts } from "../../components/preflight/hiddenVhosts";
import { asLib, installScripts } from "./machineScripts";

const STACK = "farm/prod";
const farm = readFarm({
  network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
  servers: { web1: { address: "192.0.2.2" }, web2: { address: "192.0.2.3" } },
  routers: { r1: { address: "192.0.2.1" } },
  sites: {
    shop: { serverName: "www.shop.example", documentRoot: "/srv/a", hostNumber: 1 },
    b: { serverName: "b.example", aliases: ["x.gadgets.example"], documentRoot: "/srv/b", hostNumber: 2 },
    c: { serverName: "gadgets.example", documentRoot: "/srv/c", hostNumber: 3 },
  },
});
const server = (...names: string[]): ReturnType<typeof parseObservation> =>
  parseObservation(
    [`meta\tstack=${STACK}`, ...names.map((name) => `foreign\t${name}`)]
      .map((line) => `i\t${line}\n`)
      .join(""),
  );

const bySite = (found: Parameters<typeof hiddenVhosts>[2]) =>
  hiddenVhosts(farm, STACK, found).sort((a, b) => (a.site < b.site ? 1 : -1));

describe("foreign virtual hosts that a site hides", () => {
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-hidden-"));
  before(() => installScripts(scripts, "webServerPool"));
  after(() => fs.rmSync(scripts, { recursive: true }));

  it("are reported by site, with file and line on each server", () => {
    const found = new Map([
      ["web1", server("www.shop.example\t/etc/apache2/x.conf:3", "*.gadgets.example\t/e:4")],
      ["web2", server("www.shop.example\t/etc/apache2/y.conf:5", "other.example\t/e:6")],
    ]);
    const hidden = bySite(found);
    assert.deepEqual(hidden, [
      {
        site: "shop",
        name: "www.shop.example",
        places: { web1: "/etc/apache2/x.conf:3", web2: "/etc/apache2/y.conf:5" },
      },
      { site: "b", name: "x.gadgets.example", places: { web1: "/e:4" } },
    ]);
    const [first] = describeHidden(hidden);
    assert.match(
      first,
      /^site shop: .* on web1, web2 also serves www\.shop\.example \(\/etc\/apache2\/x\.conf:3\)/,
    );
    assert.doesNotThrow(() => refuseHidden("c", hidden));
    assert.throws(() => refuseHidden("shop", hidden), /x\.conf:3.*Nothing was touched.*--hide-existing$/s);
  });

  for (const [pattern, matches] of [
    ["*", true],
    ["www.*.example", true],
    ["www.sho?.example", true],
    ["w*shop*e", true],
    ["*.example?", false],
    ["www.shop", false],
    ["ww?.shop", false],
    [`${"*w".repeat(400)}`, false],
  ] as const)
    it(`ServerAlias ${pattern.slice(0, 20)} ${matches ? "serves" : "does not serve"} www.shop.example`, () => {
      const found = hiddenVhosts(
        { ...farm, sites: farm.sites.filter(({ name }) => name === "shop") },
        STACK,
        new Map([["web1", server(`${pattern}\tf:1`)]]),
      );
      assert.equal(found.length > 0, matches);
    });

  for (const [theirs, meets] of [
    ["a.shop.example", true],
    ["a.b.shop.example", true],
    ["shop.example", false],
    ["*.shop.example", true],
    ["*.b.shop.example", true],
    ["*.example", true],
    ["a*", true],
    ["a.????.example", true],
    ["????.example", false],
    ["a.shop.exampl?", true],
    ["*.shop.example.org", false],
    ["*xshop.example", false],
  ] as const)
    it(`the site's *.shop.example ${meets ? "hides" : "leaves"} ${theirs}, on the machine too`, () => {
      const site = {
        ...farm.sites[0],
        name: "wild",
        serverName: "wild.test",
        aliases: ["*.shop.example"],
      };
      const hidden = hiddenVhosts(
        { ...farm, sites: [site] },
        STACK,
        new Map([["web1", server(`${theirs}\tf:1`)]]),
      );
      assert.deepEqual(
        hidden.map(({ name }) => name),
        meets ? [theirs] : [],
      );
      const script = `${asLib()}scripts=$1 vhosts=/nowhere fastcgi=none; . "$1/foreign.sh"; hidden_vhosts <(printf 'name\\t%s\\tf:1\\n' "$2") <(echo 'wild wild.test,*.shop.example 192.0.2.33 /srv')`;
      const said = execFileSync("bash", ["-c", script, "bash", scripts, theirs], { encoding: "utf8" });
      assert.equal(said, meets ? `wild\t${theirs}\tf:1\n` : "");
    });

  it("names of inherited properties are not taken for names of sites", () => {
    assert.deepEqual(
      hiddenVhosts(farm, STACK, new Map([["web1", server("__proto__\tf:1", "constructor\tf:2")]])),
      [],
    );
  });
});
