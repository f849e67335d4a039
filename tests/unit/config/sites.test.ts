import assert from "assert";
import { Json, Key, classicFarm, problemsOf, refuses, row, set, table } from "./support";

describe("config: bad sites", () => {
  const gadgets = (key: string): Key[] => ["sites", "gadgets", key];
  const long = `${"a".repeat(60)}.`.repeat(4) + "example.org";
  const name = gadgets("serverName");
  const root = gadgets("documentRoot");
  table([
    row(gadgets("hostNumber"), undefined, "is missing; use 2, the next free number", 2),
    row(gadgets("hostNumber"), 0, "use 2, the next free number", 2),
    row(gadgets("hostNumber"), 31, "from 1 to 30; use 2", 2),
    row(gadgets("hostNumber"), 2.5, "from 1 to 30; use 2", 2),
    row(gadgets("hostNumber"), "02", "must be a number, not a string; write 2", 2),
    row(gadgets("hostNumber"), "01", "use 2, the next free number", 2),
    row(gadgets("hostNumber"), null, "use 2, the next free number", 2),
    row(
      ["sites", "widgetco", "hostNumber"],
      2,
      "is already used by sites.gadgets.hostNumber; use 1, the next free number, or set shareVipsWith to gadgets",
      1,
    ),
    row(gadgets("shareVipsWith"), "widgetco", "remove one of them", undefined, "sites.gadgets.hostNumber"),
    row(gadgets("retiringHostNumber"), 2, "is the site's hostNumber", 3),
    row(gadgets("retiringHostNumber"), 31, "is not a whole number from 1 to 30", 3),
    row(gadgets("retiringHostNumber"), "3", "use the host number that the site had before", 3),
    row(
      gadgets("retiringAliases"),
      ["widgetco.example"],
      "is already used by sites.gadgets.retiringAliases[0]",
      [],
      "sites.widgetco.aliases[0]",
    ),
    row(name, undefined, "is missing; use one such as www.example.org", "www.example.org"),
    row(name, "www gadgets.example", "is not a domain name", "www.gadgets.example"),
    row(name, "www.gadgets.example\n", "use www.gadgets.example", "www.gadgets.example"),
    row(name, "www.gadgets.example.", "ends in a dot; use www.gadgets.example", "www.gadgets.example"),
    row(name, "http://www.gadgets.example/", "use www.gadgets.example", "www.gadgets.example"),
    row(name, 'www."gadgets".example', "is not a domain name", "www.gadgets.example"),
    row(name, "www..gadgets.example", "is not a domain name", "www.gadgets.example"),
    row(name, "$(reboot).example", "is not a domain name", "www.gadgets.example"),
    row(name, "www_gadgets.example", "is not a domain name", "www.gadgets.example"),
    row(name, "-www.gadgets.example", "is not a domain name", "www.gadgets.example"),
    row(name, "gädgets.example", "is not a domain name", "xn--gdgets-bua.example"),
    row(name, "gadgets", "is not a full domain name", "gadgets.example"),
    row(name, "192.0.2.33", "is an address", "www.gadgets.example"),
    row(
      name,
      `${"a".repeat(64)}.example`,
      "label of 64 characters, but DNS allows at most 63",
      `${"a".repeat(63)}.example`,
    ),
    row(name, long, `is ${long.length} characters long, but DNS allows at most 253`, "www.gadgets.example"),
    row(gadgets("aliases"), "gadgets.example", 'use a list such as ["example.org"]', ["gadgets.example"]),
    row(gadgets("aliases"), ["widgetco example"], "is not a domain name", [], "sites.gadgets.aliases[0]"),
    row(
      name,
      "*.gadgets.example",
      "use gadgets.example, and put *.gadgets.example into aliases",
      "gadgets.example",
    ),
    ...["*", "*.", "*.example", "www.*.example", "a*.gadgets.example", "*.*.example", "*.a_b.example"].map(
      (bad) =>
        row(
          gadgets("aliases"),
          [bad],
          "; use one such as example.org",
          ["*.gadgets.example"],
          "sites.gadgets.aliases[0]",
        ),
    ),
    row(
      gadgets("retiringAliases"),
      ["*.b.example", "*.B.example"],
      "is already used by sites.gadgets.retiringAliases[0]",
      ["*.b.example", "b.example"],
      "sites.gadgets.retiringAliases[1]",
    ),
    row(
      gadgets("aliases"),
      ["gadgets.example", "www.gadgets.example"],
      "is already used by sites.gadgets.serverName",
      ["gadgets.example"],
      "sites.gadgets.aliases[1]",
    ),
    row(gadgets("checkPorts"), 443, "use a list such as [443]", [443]),
    row(gadgets("checkPorts"), [0], "from 1 to 65535, such as 443", [443], "sites.gadgets.checkPorts[0]"),
    row(root, undefined, "is missing; use a path such as /var/www/widgetco", "/var/www/widgetco"),
    row(root, "www/gadgets", "is not an absolute path", "/www/gadgets"),
    row(root, "/var/www/gadgets/", "use /var/www/gadgets", "/var/www/gadgets"),
    row(root, "/var/www/../gadgets", "use /var/gadgets", "/var/gadgets"),
    row(root, "/var//www", "use /var/www", "/var/www"),
    row(root, "/", "is a system directory", "/var/www/widgetco"),
    row(root, "/etc", "is inside a system directory", "/var/www/widgetco"),
    row(root, "/etc/apache2/www", "is inside a system directory", "/var/www/widgetco"),
    row(root, "/var/www/../../etc", "use a path such as", "/var/www/widgetco"),
    row(root, "/usr", "is a system directory", "/usr/share/widgetco"),
    row(root, "/var/www/my site", "may contain only", "/var/www/my-site"),
    row(root, '/var/www/"x"', "may contain only", "/var/www/x"),
    row(root, "/var/www/x\n</VirtualHost>", "may contain only", "/var/www/x"),
    row(root, "/var/www/$(reboot)", "may contain only", "/var/www/x"),
    row(root, "/var/www/%{Host}", "may contain only", "/var/www/x"),
    row(root, `/var/${"w".repeat(256)}`, "is too long", "/var/www/x"),
    row(gadgets("retiring"), "true", "without quotes", true),
    row(gadgets("documentroot"), "/var/www/x", "did you mean documentRoot?", undefined),
    row(["sites", "New_Site"], {}, "use one such as new-site", undefined),
  ]);

  it("two sites of one name", () => {
    refuses(
      set(classicFarm(), name, "WWW.widgetco.example"),
      "sites.widgetco.serverName",
      "is already used by sites.gadgets.serverName",
    );
  });

  const sharing: [string, string, Json, string][] = [
    ["an unknown site", "wigetco", {}, "did you mean widgetco?"],
    ["itself", "third", {}, "is the site itself"],
    ["a site that shares", "fourth", { fourth: { shareVipsWith: "widgetco" } }, "did you mean widgetco?"],
  ];
  for (const [title, share, more, says] of sharing)
    it(`a site that shares the VIPs of ${title}`, () => {
      const config = classicFarm();
      const sites: Json = { third: { shareVipsWith: share }, ...more };
      for (const [site, value] of Object.entries(sites))
        set(config, ["sites", site], {
          serverName: `${site}.example`,
          documentRoot: "/var/www/x",
          ...(value as Json),
        });
      refuses(config, "sites.third.shareVipsWith", says);
    });

  it("more sites than there are host numbers", () => {
    const site = (number: number): Json => ({
      serverName: `s${number}.example`,
      documentRoot: "/var/www/s",
      hostNumber: number,
    });
    const sites = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`s${i + 1}`, site(i + 1)]));
    refuses(
      { ...classicFarm(), zones: {}, sites },
      "sites.s31.hostNumber",
      "no number is free: use a shorter network.subnetPrefix",
    );
  });

  it("gives each site without a number one of its own", () => {
    const config = set(classicFarm(), gadgets("hostNumber"), undefined);
    const texts = problemsOf(set(config, ["sites", "widgetco", "hostNumber"], undefined)).map(
      ({ text }) => text,
    );
    assert.match(texts[0], /use 1, the next free number/);
    assert.match(texts[1], /use 2, the next free number/);
  });
});
