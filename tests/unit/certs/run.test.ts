import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { accountsFolder, thumbprintOf, Jwk } from "../../../cli/certs/account";
import { orderCertificates } from "../../../cli/certs/certs";
import { exitOf } from "../../../cli/certs/result";
import type { CertsOptions } from "../../../cli/certs/run";
import type { Session } from "../../../cli/pulumi/session";
import { CliError, Exit } from "../../../cli/terminal/exit";
import { Terminal } from "../../../cli/terminal/output";
import { readFarm } from "../../../components/config";
import { inDays, issue, makeAuthorities, writePair } from "../../certificates";
import { Json, classicFarm } from "../config/support";

const SERVER = "https://acme.example:14000/directory";
const { intermediate } = makeAuthorities();

/** A terminal that keeps what is said. */
class Said extends Terminal {
  readonly lines: string[] = [];
  override say = (line: string): void => void this.lines.push(line);
  override warn = (line: string): void => void this.lines.push(`warning: ${line}`);
}

describe("certs: a run, with a client that is a script", () => {
  const PATH = process.env.PATH;
  let project: string;
  let thumbprint: string;
  let said: Said;

  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), "certs-"));
    said = new Said({ yes: true });
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      format: "jwk",
    }) as Jwk;
    const own = path.join(accountsFolder(path.join(project, "acme"), SERVER), "one");
    fs.mkdirSync(own, { recursive: true });
    fs.writeFileSync(path.join(own, "private_key.json"), JSON.stringify(key));
    fs.writeFileSync(path.join(own, "regr.json"), JSON.stringify({ uri: "https://acme.example/one" }));
    thumbprint = thumbprintOf(key);
  });
  afterEach(() => {
    process.env.PATH = PATH;
    fs.rmSync(project, { recursive: true });
  });

  /** certbot does this, with the site's name in $site and its words in $@. */
  function client(script: string): void {
    const bin = path.join(project, "bin");
    fs.mkdirSync(bin, { recursive: true });
    const site = 'while [ $# -gt 1 ]; do [ "$1" != --cert-name ] || site=$2; shift; done';
    fs.writeFileSync(path.join(bin, "certbot"), `#!/bin/sh\n${site}\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${bin}:${PATH}`;
  }

  const run = (options: CertsOptions, tls: Json = {}): ReturnType<typeof orderCertificates> => {
    const config = { ...classicFarm(), tls: { folder: "acme/live", acmeThumbprint: thumbprint, ...tls } };
    const session = {
      ...{ id: "farm/prod", name: "prod", project: "farm", folder: project },
      farm: () => Promise.resolve(readFarm(config)),
      draft: () => Promise.reject(new CliError("web2 does not answer", Exit.Failed)),
    } as unknown as Session;
    return orderCertificates(session, said, { server: SERVER, unchecked: true, ...options });
  };
  const results = ({ sites }: Awaited<ReturnType<typeof run>>): string[] =>
    sites.map(({ site, result }) => `${site} ${result}`).sort();
  const journal = (): { orders: { site: string; result: string; text?: string }[] } =>
    JSON.parse(fs.readFileSync(path.join(project, "acme/orders.json"), "utf8")) as ReturnType<typeof journal>;

  it("orders nothing and writes nothing when it is dry", async () => {
    client("touch ordered");
    const result = await run({ dryRun: true });
    assert.deepEqual(results(result), ["gadgets planned", "widgetco planned"]);
    assert.equal(result.account?.thumbprint, thumbprint);
    assert.equal(exitOf(result), Exit.Ok);
    assert.deepEqual(fs.readdirSync(project).sort(), ["acme", "bin"]);
    assert.deepEqual(fs.readdirSync(path.join(project, "acme")), ["accounts"]);
  });

  it("counts each failure with the CA's reason, and goes on with the next site", async () => {
    client('echo "Domain: www.$site.example"; echo "Type: unauthorized"; echo "Detail: no"; exit 1');
    const result = await run({});
    assert.deepEqual(results(result), ["gadgets failed", "widgetco failed"]);
    assert.equal(exitOf(result), Exit.Failed);
    assert.deepEqual(result.delivered, []);
    const failed = journal().orders.filter((order) => order.result === "failed");
    assert.deepEqual(failed.map(({ site }) => site).sort(), ["gadgets", "widgetco"]);
    for (const { site, text } of failed) assert.equal(text, `www.${site}.example: no (unauthorized)`);
    assert.ok(said.lines.some((line) => line.includes("the order failed: www.widgetco.example: no")));
  });

  it("says when a certificate is here but can't reach the servers", async () => {
    const pair = issue(intermediate, ["www.widgetco.example", "widgetco.example"], { to: inDays(89) });
    writePair(path.join(project, "made"), pair);
    client(`mkdir -p '${project}/acme/live' && cp -r '${project}/made' "${project}/acme/live/$site"`);
    const result = await run({ sites: ["widgetco"] });
    assert.deepEqual(results(result), ["widgetco ordered"]);
    assert.equal(result.undelivered, "web2 does not answer");
    assert.equal(exitOf(result), Exit.Failed);
    assert.deepEqual(
      journal().orders.map((order) => order.result),
      ["ordered"],
    );
  });

  it("leaves another client's account alone", async () => {
    client("exit 1");
    await assert.rejects(
      run({}, { acmeThumbprint: "x".repeat(43) }),
      /another ACME client orders for this farm.*Nothing was touched/,
    );
  });

  it("refuses options that make no sense together", async () => {
    await assert.rejects(run({ renew: true }), /name the sites\. Nothing was touched/);
    await assert.rejects(run({ server: "http://acme.example" }), /is not an https URL/);
    await assert.rejects(run({ caaIssuer: "-" }), /is not a domain name/);
    await assert.rejects(run({ sites: ["shop"] }), /there is no site "shop"/);
  });
});
