/** `certs`: certificates out of a CA that speaks ACME, for servers that are told nothing of it. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { hexOf } from "../../examples/lab/load/http";
import type { CertsResult } from "../../cli/certs/certs";
import { ExecResult } from "../../examples/lab/lab";
import { AWAY, Farm, SERVERS, textOf } from "./support";
import { Pebble } from "./pebble";

const NAMES = ["www.widgetco.example", "widgetco.example"];
const GADGETS = "www.gadgets.example";

describe("certs", function () {
  this.timeout(400_000);
  const farm = new Farm();
  const { lab } = farm;
  let pebble: Pebble;

  const certs = (args: string[] = [], env: Record<string, string> = {}): Promise<ExecResult> =>
    farm.project.cli(["certs", "--yes", ...args], { env: { ...pebble.env, ...env } });
  /** What it did, in a run that ends so. */
  const certsJson = async (code: number, args: string[] = []): Promise<CertsResult> => {
    const result = await certs(["--json", ...args]);
    assert.equal(result.code, code, textOf(result));
    return JSON.parse(result.stdout) as CertsResult;
  };
  const resultsIn = ({ sites }: CertsResult): Record<string, string> =>
    Object.fromEntries(sites.map(({ site, result }) => [site, result]));
  /** The SHA-256 of what a client is shown on each of some VIPs; it must trust the CA's root, and no other. */
  const shown = async (vips: string[], name: string): Promise<string[]> => {
    const root = farm.project.file("root.pem");
    fs.writeFileSync(root, await pebble.root(lab));
    return Promise.all(
      vips.map(async (vip) => {
        const ask = `openssl s_client -CAfile ${root} -verify_return_error -verify_hostname ${name} -connect ${vip}:443 -servername ${name} </dev/null 2>/dev/null`;
        const { stdout } = await lab.exec("client", [
          "bash",
          "-c",
          `${ask} | openssl x509 -noout -fingerprint -sha256`,
        ]);
        return hexOf(stdout.trim().replace(/^.*=/, ""));
      }),
    );
  };
  const lies = async (site: string): Promise<string> => {
    const { X509Certificate } = await import("node:crypto");
    const file = farm.project.file(`acme/live/${site}/fullchain.pem`);
    return hexOf(new X509Certificate(fs.readFileSync(file)).fingerprint256);
  };

  before("a farm whose web2 is dead", async () => {
    await farm.begin();
    await farm.start();
    pebble = await Pebble.start(lab);
    await lab.crash("web2");
    await farm.setState("web2", "down");
    await farm.up();
    assert.deepEqual(await farm.serving(), AWAY);
  });
  after(async () => {
    await pebble?.stop();
    await farm.destroy();
  });

  it("makes the account, orders for both sites with a server dead, and every other server has them (story)", async () => {
    const result = await certs();
    assert.equal(result.code, 0, `${textOf(result)}\n${pebble.log()}`);
    assert.match(result.stdout, /https with a new certificate: gadgets, widgetco/);
    for (const name of NAMES)
      assert.deepEqual(new Set(await shown(farm.vips, name)), new Set([await lies("widgetco")]));
    const key = fs
      .readdirSync(farm.project.file("acme/accounts"), { recursive: true, encoding: "utf8" })
      .find((name) => path.basename(name) === "private_key.json");
    assert.equal(fs.statSync(farm.project.file(`acme/accounts/${key}`)).mode & 0o077, 0);
    assert.equal(fs.statSync(farm.project.file("acme")).mode & 0o777, 0o700);
    assert.equal(GADGETS, "www.gadgets.example");
    assert.deepEqual(resultsIn(await certsJson(0)), { gadgets: "keep", widgetco: "keep" });
    await lab.start("web2");
    for (const state of ["maintenance", "active"]) {
      await farm.setState("web2", state);
      await farm.up();
    }
    assert.deepEqual(await farm.serving(), SERVERS);
    assert.deepEqual(new Set(await shown(farm.vips, NAMES[0])), new Set([await lies("widgetco")]));
  });
});
