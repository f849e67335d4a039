import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { withApacheFiles } from "../../../components/config/apacheFile";
import { lineProblems, secretsIn, withSecrets } from "../../../components/webServerPool/directives";
import { readFarm } from "../../../components/config";
import { readStackConfig } from "../../../components/config/stack";
import { Json, classicFarm, problemsOf, refuses, set } from "./support";

const apache = (...lines: string[]): Json => set(classicFarm(), ["sites", "gadgets", "apache"], lines);
const issues = (...lines: string[]): string[] =>
  lineProblems(lines, ["db"]).map(({ line, issue }) => `${line} ${issue}`);

describe("a site's own lines for Apache", () => {
  for (const lines of [
    [],
    ["", "# a comment <VirtualHost", "\t# Listen 80"],
    ["FallbackResource /index.php"],
    [
      '<FilesMatch "\\.php$">',
      '  SetHandler "proxy:unix:/run/php/php-fpm.sock|fcgi://localhost"',
      "</FilesMatch>",
    ],
    ["<ifmodule !proxy_module>", "<Location />", "Require all denied", "</LOCATION>", "</IfModule>"],
    ["Header set X-A \\", '  "b c"'],
    ["Include conf-available/shop.conf", 'IncludeOptional "/etc/apache2/snippets/*.conf"'],
    ['SetEnv DB_PASSWORD "${secret:db}"'],
    ["RewriteCond %{REQUEST_FILENAME} !-f", "RewriteRule . /index.php [L]", "ErrorDocument 404 /404.html"],
    ["CustomLog ${APACHE_LOG_DIR}/shop.log combined env=!loopback_ha_health"],
    ["# gütig", 'Header set X-A "ü"'],
  ])
    it(`takes ${JSON.stringify(lines)}`, () => {
      assert.deepEqual(issues(...lines), []);
      const config = apache(...lines);
      assert.deepEqual(readFarm(config, ["secret-db"]).sites[0].apache, lines);
    });

  for (const [says, ...lines] of [
    [
      "1 ends a section that these lines do not begin: the site's own virtual host",
      "Header set A b",
      "</VirtualHost>",
    ],
    ["0 ends a section", "</virtualHOST >"],
    ["0 ends a section", "  </VirtualHost"],
    ["0 ends a section", "</Virtual\\", "Host>"],
    ["0 ends a section", "<\\", "/VirtualHost>"],
    ["0 begins or ends a virtual host", "<VirtualHost *:80>", "</VirtualHost>"],
    ["1 begins or ends a virtual host", "<IfModule x>", "<virtualhost *>", "</virtualhost>", "</IfModule>"],
    ["1 ends a section", "<IfModule x>", "</Location>", "</IfModule>"],
    ["0 begins a section that these lines do not end", "<Location />"],
    ["0 sets ports of the whole server", "listen 8080"],
    ["0 sets ports of the whole server", "Lis\\", "ten 8080"],
    ["0 sets ports of the whole server", "\tLISTEN\t8080"],
    ["1 sets ports of the whole server", "# \\", "Listen 8080"],
    ["0 does not begin with a directive's name", '"Listen" 8080'],
    ["0 does not begin with a directive's name", "'Listen' 8080"],
    ["0 does not begin with a directive's name", "${X} 8080"],
    ["0 does not begin with a directive's name", "L${X}en 8080"],
    ["0 does not begin with a directive's name", "Li\\sten 8080"],
    ["0 does not begin with a directive's name", "<${X} *>"],
    ["0 does not begin with a directive's name", "< VirtualHost *>"],
    ["0 ends in a backslash, but no line follows", "Header set A b\\"],
    ["1 ends in a backslash, but no line follows", "Header set A b", "# c\\"],
    ["0 ends in a backslash, but no line follows", "\\"],
    ["0 ends in two backslashes", "Header set A b\\\\", "c"],
    ["0 generates lines that can't be checked beforehand", "<Macro x>", "</Macro>"],
    ["0 generates lines that can't be checked beforehand", "Use x"],
    ["0 affects all sites of the server", "Define X Listen"],
    ["0 affects all sites of the server", "LoadModule x /x.so"],
    ["0 affects all sites of the server", "LoadFile /x.so"],
    ["0 affects the whole server", "ServerRoot /tmp"],
    ["0 sets names of the site", "ServerAlias x.example"],
    ["0 runs a program", "<Perl>", "</Perl>"],
    ...[
      "/etc/passwd",
      "/etc/apache2/../passwd",
      "../passwd",
      '"/etc/passwd"',
      "${X}",
      "/etc/apache2x/a",
      '"/etc/apache2/a" "/etc/b"',
      "",
    ].map((file) => ["0 includes a file outside /etc/apache2", `iNclude ${file}`]),
    ["0 includes a file outside", "IncludeOptional /home/*/x.conf"],
    ["0 includes a file outside", "Include \\", "/etc/passwd"],
    ["0 has invisible characters or line breaks", "Header set A b\nListen 80"],
    ["0 has invisible characters or line breaks", "Header\u000bset A b"],
    ["0 has invisible characters or line breaks", "Header set A \u202eb"],
    ["0 has @SECRET:", "SetEnv A @SECRET:health@"],
    ["0 uses the secret other, which is not set", "SetEnv A ${secret:other}"],
    ["0 has ${secret:}, which is not a valid secret name", "SetEnv A ${secret:}"],
    ["0 is longer than 8000", `Header set A ${"b".repeat(8000)}`],
  ])
    it(`refuses ${JSON.stringify(lines).slice(0, 70)}`, () => {
      const [first, ...rest] = issues(...lines);
      assert.ok(first?.startsWith(says), `${first}`);
      assert.deepEqual(rest, []);
    });

  it("says the place, the line and what to do, for each line", () => {
    const text = refuses(
      apache("Header set A b", "Listen 81"),
      "sites.gadgets.apache[1]",
      '"Listen 81" sets ports of the whole server',
    );
    assert.match(text, /; put it into \/etc\/apache2\/ports\.conf on the servers$/);
    assert.equal(problemsOf(apache("Listen 81", "</VirtualHost>")).length, 2);
    refuses(
      apache("SetEnv A ${secret:db}"),
      "sites.gadgets.apache[0]",
      "pulumi config set --secret secret-db",
    );
  });

  it("accepts no line that Apache would take for a refused directive, whatever the lines are", () => {
    const piece = fc.constantFrom(
      ..."Listen </VirtualHost> <Macro Use Include /etc/passwd \\ \" ' # ${X} \t x < >".split(" "),
    );
    const line = fc
      .array(piece, { maxLength: 5 })
      .chain((words) => fc.constantFrom("", " ").map((by) => words.join(by)));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        if (lineProblems(lines, []).length > 0) return;
        const seen = asApache([...lines, "our end"]).map((each) => each.toLowerCase());
        assert.equal(seen.at(-1), "our", JSON.stringify(lines));
        for (const word of ["listen", "</virtualhost", "</virtualhost>", "<virtualhost", "<macro", "use"])
          assert.ok(!seen.includes(word), JSON.stringify(lines));
      }),
      { numRuns: 3000 },
    );
  });

  it("replaces secrets by their values, each name once", () => {
    const lines = ["A ${secret:b} ${secret:a}", "B ${secret:b} ${APACHE_LOG_DIR}"];
    assert.deepEqual(secretsIn(lines), ["a", "b"]);
    assert.deepEqual(
      lines.map((each) => withSecrets(each, (name) => `$&${name}`)),
      ["A $&b $&a", "B $&b ${APACHE_LOG_DIR}"],
    );
  });
});

/** The first word of each line as ap_cfg_getline and ap_getword_conf of Apache 2.4 see it. */
function asApache(lines: string[]): string[] {
  return lines
    .join("\n")
    .replace(/\\\n/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) =>
      /^"((?:\\.|[^"\\])*)"?|^'((?:\\.|[^'\\])*)'?|^(\S+)/
        .exec(line)!
        .slice(1)
        .find((word) => word !== undefined)!,
    );
}

describe("apacheFile", () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-apache-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const inside = (name: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  };
  const read = (apacheFile: unknown): string[] => {
    const sites = withApacheFiles({ shop: { apacheFile } }, path.join(folder, "project"));
    return (sites as { shop: { apache: string[] } }).shop.apache;
  };

  it("gives its lines, whatever the line endings", () => {
    inside("project/apache/shop.conf", "Header set A b\r\n\nRequire all granted\n");
    assert.deepEqual(read("apache/shop.conf"), ["Header set A b", "", "Require all granted"]);
    inside("project/empty", "");
    assert.deepEqual(read("empty"), []);
  });

  it("is found from the project's folder, and each of its lines is checked", () => {
    inside("project/shop.conf", "Header set A b\nListen 81\n");
    const sites = {
      ...(classicFarm().sites as Json),
      gadgets: { serverName: "a.example", documentRoot: "/srv/a", hostNumber: 2, apacheFile: "shop.conf" },
    };
    const all = Object.fromEntries(
      Object.entries({ ...classicFarm(), sites }).map(([key, value]) => [`p:${key}`, JSON.stringify(value)]),
    );
    assert.throws(
      () => readStackConfig({ all, secretKeys: [], project: "p", folder: path.join(folder, "project") }),
      {
        message:
          /^sites\.gadgets\.apacheFile: shop\.conf, line 2: "Listen 81" sets ports of the whole server/,
      },
    );
  });

  for (const [what, name, make] of [
    ["a link out of the folder", "link", (at: string) => fs.symlinkSync("../secret", at)],
    ["a link by an absolute path", "link", (at: string) => fs.symlinkSync("/etc/hostname", at)],
    [
      "a link to a hidden file",
      "link",
      (at: string) => (inside("project/.env", "x"), fs.symlinkSync(".env", at)),
    ],
    ["a folder", "folder", (at: string) => fs.mkdirSync(at)],
    ["a large file", "large", (at: string) => fs.writeFileSync(at, "x".repeat(300_000))],
    ["nothing", "nothing", () => undefined],
  ] as const)
    it(`refuses ${what}`, () => {
      inside("secret", "root:x\n");
      fs.mkdirSync(path.join(folder, "project"));
      make(path.join(folder, "project", name));
      assert.throws(() => read(name), {
        message: /^sites\.shop\.apacheFile: "\w+" .*; use a file in the project's folder/,
      });
    });

  it("refuses a link of a folder on the way", () => {
    inside("elsewhere/x.conf", "x");
    fs.mkdirSync(path.join(folder, "project"));
    fs.symlinkSync("../elsewhere", path.join(folder, "project/a"));
    assert.throws(() => read("a/x.conf"), /is a link that leads out of the project's folder/);
  });

  for (const file of [
    "/etc/passwd",
    "../x",
    "a/../../x",
    ".git/config",
    "a/.env",
    "-x",
    "a b",
    "a\nb",
    "~/x",
  ])
    it(`refuses the path ${JSON.stringify(file)}`, () => {
      refuses(
        set(classicFarm(), ["sites", "gadgets", "apacheFile"], file),
        "sites.gadgets.apacheFile",
        "use a file in the project's folder",
      );
    });

  it("refuses lines in the config beside it", () => {
    inside("project/x.conf", "");
    assert.throws(
      () => withApacheFiles({ shop: { apacheFile: "x.conf", apache: [] } }, path.join(folder, "project")),
      /apacheFile: "x\.conf" can't be combined with apache; remove one of them/,
    );
  });
});
