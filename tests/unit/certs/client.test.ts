import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { certbot, orderWords, reasonIn, registerWords } from "../../../cli/certs/client";

const CLIENT = { folder: "/f/acme", server: "https://acme.example/directory" };

describe("certs: certbot", () => {
  it("creates an account, with a mail address for the CA or without", () => {
    const words = registerWords(CLIENT, undefined);
    assert.deepEqual(words.slice(0, 3), ["register", "--agree-tos", "--register-unsafely-without-email"]);
    assert.ok(registerWords(CLIENT, "a@b.example").join(" ").includes("--email a@b.example --no-eff-email"));
    assert.ok(
      words.join(" ").endsWith("--config-dir /f/acme --work-dir /f/acme/work --logs-dir /f/acme/logs"),
    );
  });

  it("orders a certificate with all names, and decides nothing by itself", () => {
    const words = orderWords(CLIENT, "0123", "widgetco", ["www.a.example", "a.example"]).join(" ");
    for (const part of [
      "certonly --manual --preferred-challenges http --manual-auth-hook true",
      "--account 0123 --cert-name widgetco --key-type ecdsa --force-renewal --renew-with-new-domains",
      "--non-interactive --no-directory-hooks --server https://acme.example/directory",
      "--domain www.a.example --domain a.example",
    ])
      assert.ok(words.includes(part), words);
  });

  const said = (...lines: string[]): string =>
    [
      "Saving debug log to /f/acme/logs/letsencrypt.log",
      ...lines,
      "Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile /f for more details.",
      "",
    ].join("\n");
  const reasons: [string, string, string][] = [
    [
      "what the CA said of each name",
      said(
        "Requesting a certificate for a.example and b.example",
        "",
        "Certbot failed to authenticate some domains (authenticator: manual). The Certificate Authority reported these problems:",
        "  Domain: a.example",
        "  Type:   dns",
        "  Detail: NXDOMAIN looking up A for a.example",
        "",
        "  Identifier: b.example",
        "  Type:   unauthorized",
        "  Detail: 192.0.2.1: Invalid response: 404",
        "",
        "Hint: The Certificate Authority failed to verify the manually created challenge files.",
        "",
        "Some challenges have failed.",
      ),
      "a.example: NXDOMAIN looking up A for a.example (dns); b.example: 192.0.2.1: Invalid response: 404 (unauthorized)",
    ],
    [
      "the last line that is no advice",
      said(
        "An unexpected error occurred:",
        "There were too many requests of a given type :: too many failed authorizations",
      ),
      "There were too many requests of a given type :: too many failed authorizations",
    ],
    ["nothing", "", "it gave no reason"],
    ["nothing but where its log is", said(), "it gave no reason"],
    ["no letter that steers a terminal", said("bad \u001b[2Jthing\u0007 \u202eabc"), "bad thing abc"],
  ];
  for (const [what, output, reason] of reasons)
    it(`explains a failure ${what}`, () => assert.equal(reasonIn(output), reason));

  describe("as a program", () => {
    let folder: string;
    let PATH: string | undefined;
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "certbot-"));
      PATH = process.env.PATH;
      process.env.PATH = `${folder}:${PATH}`;
    });
    afterEach(() => {
      process.env.PATH = PATH;
      fs.rmSync(folder, { recursive: true });
    });
    const put = (script: string): void =>
      fs.writeFileSync(path.join(folder, "certbot"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

    it("that fails gives its reason", async () => {
      put("echo so far so good; echo that went wrong >&2; exit 1");
      await assert.rejects(certbot([]), /^CliError: that went wrong$/);
    });

    it("knows no secret of the stack", async () => {
      process.env.PULUMI_CONFIG_PASSPHRASE = "geheim";
      try {
        put(`env >${folder}/env`);
        await certbot([]);
        assert.ok(!fs.readFileSync(path.join(folder, "env"), "utf8").includes("geheim"));
      } finally {
        delete process.env.PULUMI_CONFIG_PASSPHRASE;
      }
    });

    it("that is not installed is reported with how to get it", async () => {
      process.env.PATH = folder;
      await assert.rejects(
        certbot([]),
        /certbot is not installed on this machine.*apt install certbot.*Nothing was ordered/,
      );
    });
  });
});
