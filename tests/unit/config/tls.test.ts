import assert from "node:assert/strict";
import { readFarm } from "../../../components/config";
import { Json, Key, classicFarm, problemsOf, refuses, row, set, table } from "./support";

const tls = (key: string): Key[] => ["tls", key];
const own: Key[] = ["sites", "gadgets", "tls"];

describe("config: tls", () => {
  table([
    row(["tls"], "certs", "must be an object; use an object with folder", { folder: "certs" }),
    row(
      tls("folder"),
      "",
      "is not a path of letters, digits and . _ / + @ -; use a folder such as certs",
      "certs",
    ),
    row(tls("folder"), "~/certs", "begins with ~", "/home/me/certs"),
    row(tls("folder"), "a\nb", "is not a path of letters", "./a+b@c_d-e"),
    row(tls("folder"), 5, "must be a string", "5"),
    row(tls("keys"), "~", "begins with ~", "/root/keys"),
    row(tls("acmeThumbprint"), "abc", "is not an ACME account thumbprint; use the 43", "a".repeat(43)),
    row(
      tls("acmeThumbprint"),
      `${"a".repeat(42)}"`,
      "is not an ACME account thumbprint",
      `${"a".repeat(41)}_-`,
    ),
    row(tls("redirect"), "no", "must be true or false", false),
    row(tls("hsts"), -1, "from 0 to 63072000", 31536000),
    row(tls("hsts"), "on", "use a whole number of seconds", "off"),
    row(tls("hsts"), "300", "must be a number, not a string; write 300", 0),
    row(tls("minimum"), "TLSv1.1", "is not known; use TLSv1.2 or TLSv1.3", "TLSv1.3"),
    row(tls("tickets"), "no", "must be true or false", "off"),
    row(tls("certificate"), "x", "unknown key", undefined),
    row(own, "yes", "must be true, false or an object", false),
    row(own, true, "no folder is set for its certificate; set tls.folder", false, "sites.gadgets.tls"),
    row(own, { redirect: false }, "set tls.folder", { folder: "/live/gadgets" }, "sites.gadgets.tls"),
    row(own, { folder: "~/x" }, "begins with ~", { folder: "x" }, "sites.gadgets.tls.folder"),
    row(own, { tickets: false }, "unknown key", { folder: "x", hsts: "off" }, "sites.gadgets.tls.tickets"),
    row(own, null, "must be an object", false),
  ]);

  it("lists all problems at once", () => {
    const config = set(set(classicFarm(), tls("minimum"), "x"), own, "yes");
    assert.deepEqual(
      problemsOf(config).map(({ path }) => path),
      ["tls.minimum", "sites.gadgets.tls"],
    );
    refuses(set(classicFarm(), ["tls.folder"], "x"), "tls.folder", "without --path");
  });

  const read = (stack: unknown, site: unknown): { tls: unknown; site: unknown } => {
    const config = classicFarm();
    if (stack !== undefined) set(config, ["tls"], stack);
    if (site !== undefined) set(config, own, site);
    const farm = readFarm(config);
    return { tls: farm.tls, site: farm.sites.find(({ name }) => name === "gadgets")!.tls };
  };
  const defaults = { redirect: true, hsts: 0, minimum: "TLSv1.2" };
  const rows: [string, unknown, unknown, Json | undefined, Json | undefined][] = [
    ["without it there is none", undefined, undefined, undefined, undefined],
    [
      "with a folder every site has https",
      { folder: "c" },
      undefined,
      { folder: "c", tickets: true },
      defaults,
    ],
    ["but for one that has not", { folder: "c" }, false, { folder: "c", tickets: true }, undefined],
    [
      "a thumbprint alone gives no site https",
      { acmeThumbprint: "a".repeat(43) },
      undefined,
      { acmeThumbprint: "a".repeat(43), tickets: true },
      undefined,
    ],
    [
      "a site has its own",
      undefined,
      { folder: "x", keys: "k" },
      undefined,
      { ...defaults, folder: "x", keys: "k" },
    ],
    [
      "a site's own words win",
      { folder: "c", keys: "k", redirect: false, hsts: 300, minimum: "TLSv1.3", tickets: false },
      { redirect: true, hsts: "off" },
      { folder: "c", keys: "k", tickets: false },
      { redirect: true, hsts: 0, minimum: "TLSv1.3" },
    ],
    [
      "false is off",
      { folder: "c", hsts: false, tickets: "off" },
      true,
      { folder: "c", tickets: false },
      defaults,
    ],
  ];
  for (const [name, stack, site, model, served] of rows)
    it(name, () => assert.deepEqual(read(stack, site), { tls: model, site: served }));
});
