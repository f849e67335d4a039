/** Certificates as wanted state: on every server, renewed, refused, kept, and gone. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import { makeKey } from "../../components/webServerPool/tls/makeCertificate.cjs";
import { TestPair, inDays, issue, makeAuthorities, writePair } from "../certificates";
import { AWAY, Farm, SERVERS, textOf } from "./support";

const STORE = "/var/lib/loopback-ha/.certificates";
const THUMBPRINT = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
const NAMES = ["www.widgetco.example", "widgetco.example"];
const SPROCKETS = ["www.sprockets.example"];

const sha256 = (pair: TestPair): string =>
  new X509Certificate(pair.chain).fingerprint256.replaceAll(":", "").toLowerCase();

describe("https", function () {
  const farm = new Farm();
  const { lab, project } = farm;
  const { root, intermediate } = makeAuthorities();
  const certs = project.file("certs");
  const put = (site: string, pair: TestPair): void => writePair(`${certs}/${site}`, pair);
  let widgetco = issue(intermediate, NAMES);
  const sprockets = issue(intermediate, SPROCKETS);
  let isDestroyed = false;

  /** What a client is shown on a VIP for a name: the SHA-256 of the certificate. */
  const shown = async (vip: string, name: string): Promise<string> => {
    const script = `openssl s_client -connect ${vip}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
    const { stdout } = await lab.exec("client", ["bash", "-c", script]);
    return stdout.trim().replace(/^.*=/, "").replaceAll(":", "").toLowerCase();
  };
  /** The same on all VIPs. */
  const shownOnAll = (name: string): Promise<string[]> =>
    Promise.all(farm.vips.map((vip) => shown(vip, name)));
  const onAll = (pair: TestPair): string[] => farm.vips.map(() => sha256(pair));
  /** Status, location and body of what curl gets on a VIP. */
  const get = async (vip: string, url: string): Promise<string> => {
    const { hostname, port, protocol } = new URL(url);
    const words = ["-sS", "--cacert", project.file("root.pem"), "--max-time", "5"];
    const to = ["--resolve", `${hostname}:${port || (protocol === "https:" ? 443 : 80)}:${vip}`];
    const format = ["-w", "\\n%{http_code} %{content_type} %{redirect_url}"];
    const { stdout, stderr } = await lab.exec("client", ["curl", ...words, ...to, ...format, url]);
    return stdout + stderr;
  };
  const store = (server: string): Promise<string> => farm.sh(server, `ls ${STORE} 2>&1 || true`);
  const preview = async (env: Record<string, string> = {}): Promise<string> =>
    textOf(await project.pulumi(["preview", "--diff", "--stack", "lab"], { env }));

  before("a farm with two sites, and what servers had before", async () => {
    fs.writeFileSync(project.file("root.pem"), root.certificate);
    put("widgetco", widgetco);
    put("sprockets", sprockets);
    await farm.build({
      "tls.folder": "certs",
      "tls.acmeThumbprint": THUMBPRINT,
      "tls.hsts": "300",
      "sites.sprockets.serverName": SPROCKETS[0],
      "sites.sprockets.documentRoot": "/srv/www/sprockets",
      "sites.sprockets.hostNumber": "7",
    });
  });
  after(async () => {
    if (!isDestroyed) await farm.destroy();
  });

  it("every server shows each site's certificate, and nobody's to a name that is unknown (story)", async () => {
    assert.deepEqual(await shownOnAll(NAMES[0]), onAll(widgetco));
    assert.deepEqual(await shownOnAll(NAMES[1]), onAll(widgetco));
    for (const other of [await shownOnAll("nobody.example"), await shownOnAll(SPROCKETS[0])])
      for (const certificate of other) {
        assert.match(certificate, /^[0-9a-f]{64}$/);
        assert.notEqual(certificate, sha256(widgetco));
        assert.notEqual(certificate, sha256(sprockets));
      }
    const [vip] = farm.vips;
    assert.match(await get(vip, `https://${NAMES[0]}${farm.healthPath}`), /^web1 widgetco\n200 /);
    assert.match(
      await get(vip, `http://${NAMES[1]}/a?b=c`),
      /\n301 \S+ ?\S* https:\/\/widgetco\.example\/a\?b=c$/,
    );
    for (const scheme of ["http", "https"]) {
      const challenge = `${scheme}://${NAMES[0]}/.well-known/acme-challenge`;
      assert.equal(await get(vip, `${challenge}/t0k-n_`), `t0k-n_.${THUMBPRINT}\n200 text/plain `);
      assert.match(await get(vip, `${challenge}/%3Cscript%3E`), /\n404 /);
      assert.match(await get(vip, `${challenge}/`), /\n404 /);
    }
    const { stdout } = await lab.exec("client", [
      "bash",
      "-c",
      `curl -sSkI --resolve ${NAMES[0]}:443:${vip} https://${NAMES[0]}/ ; curl -sSk -o /dev/null -w '%{http_code}' --resolve nobody.example:443:${vip} https://nobody.example/`,
    ]);
    assert.match(stdout, /strict-transport-security: max-age=300\r/i);
    assert.match(stdout, /421$/);
  });

  it("what was applied is whole: the next run changes nothing, and keys are root's alone", async () => {
    assert.match(await farm.up(), /Resources:\s+\d+ unchanged/);
    for (const server of SERVERS) {
      const modes = await farm.sh(server, `stat -c '%U:%G %a' ${STORE} ${STORE}/* | sort -u`);
      assert.equal(modes, "root:root 600\nroot:root 700\n");
    }
    const state = fs.readFileSync(project.file("state/.pulumi/stacks/loopback-ha/lab.json"), "utf8");
    for (const { key } of [widgetco, sprockets])
      for (const line of key.split("\n").filter((text) => /^[^-]/.test(text)))
        assert.ok(!state.includes(line));
    assert.ok(state.includes(sha256(widgetco)));
  });
});
