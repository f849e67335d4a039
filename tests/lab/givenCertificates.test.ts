import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import { hexOf } from "../../lab/load/http";
import { makeKey } from "../../components/webServerPool/tls/makeCertificate.cjs";
import { TestPair, inDays, issue, makeAuthorities, sha256Of } from "../certificates";
import { block } from "../pages";
import { Example, VIP } from "./services/example";
import { SERVERS } from "./support";

const NAME = "www.widgetco.example";
const STORE = "/var/lib/loopback-ha/.certificates";

describe("examples/certificates: a certificate and a key from the program", function () {
  this.timeout(300_000);
  const example = new Example("certificates");
  const { intermediate } = makeAuthorities();
  const [, ...given] = block("examples/certificates/README.md", "pulumi stack init")
    .split("\n")
    .filter((line) => /^pulumi (stack init|config set .*<)/.test(line));
  const up = "pulumi up --continue-on-error";
  const write = ({ chain, key }: TestPair): void => {
    fs.writeFileSync(example.file("site.crt"), chain);
    fs.writeFileSync(example.file("site.key"), key);
  };
  /** Lines of a key that are nobody else's. */
  const secretsOf = (key: string): string[] => key.split("\n").filter((line) => /^[^-]/.test(line));
  const state = (): string =>
    fs.readFileSync(example.file("state/.pulumi/stacks/certificates/certificates.json"), "utf8");
  const shown = async (): Promise<string> => {
    const ask = `openssl s_client -connect ${VIP}:443 -servername ${NAME} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
    return hexOf((await example.sh("client", ask)).trim().replace(/^.*=/, ""));
  };

  before("it comes up", () => example.build());
  after("it goes", () => example.destroy());

  it("are on every server, where only root can read the key; in the state, the key is a secret (story)", async () => {
    const certificate = new X509Certificate(fs.readFileSync(example.file("site.crt")));
    const hash = hexOf(certificate.fingerprint256);
    assert.equal(await shown(), hash);
    await example.away();
    assert.equal(await shown(), hash);
    await example.home();
    const secrets = secretsOf(fs.readFileSync(example.file("site.key"), "utf8"));
    assert.ok(secrets.length > 1);
    for (const line of secrets) assert.ok(!state().includes(line));
    assert.ok(state().includes(hash));
    assert.match(state(), /"ciphertext"/);
    for (const server of SERVERS)
      assert.equal(
        await example.sh(
          server,
          `stat -c '%U %a' ${STORE}/${hash}.pem; grep -c 'PRIVATE KEY' ${STORE}/${hash}.pem`,
        ),
        "root 600\n2\n",
      );
  });

  it("are renewed by the program; preview shows days and no key; a pair that does not fit is refused with its site", async () => {
    const renewed = issue(intermediate, [NAME], { to: inDays(120) });
    write(renewed);
    await example.operate(given.join("\n"));
    const diff = await example.operate("pulumi preview --diff");
    assert.match(
      diff,
      new RegExp(`expires ${inDays(120).toISOString().slice(0, 10)} issued .*${sha256Of(renewed)}`),
    );
    for (const line of secretsOf(renewed.key)) assert.ok(!diff.includes(line));
    await example.operate(up);
    assert.equal(await shown(), sha256Of(renewed));
    assert.match(await example.operate(up), /Resources:\s+\d+ unchanged/);
    for (const line of secretsOf(renewed.key)) assert.ok(!state().includes(line));

    const wrong = { ...renewed, key: makeKey() };
    write(wrong);
    await example.operate(given.join("\n"));
    const refused = await example.refused(up);
    assert.match(
      refused,
      /sites\.widgetco\.tls: privateKey of widgetco is not the key of certificate of widgetco/,
    );
    for (const line of secretsOf(wrong.key)) assert.ok(!refused.includes(line));
    assert.equal(await shown(), sha256Of(renewed));
  });
});
