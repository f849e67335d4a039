/** What `${secret:NAME}` of a site's own lines stands for, on its way to a machine. */
import assert from "node:assert/strict";
import { FalseSsh } from "./support";

const WANT = {
  "private/directives": 'shop * SetEnv A "@SECRET:site_shop-db@"\n',
};
const secret = (value: string): Record<string, string> => ({ "LOOPBACK_HA_SECRET_site_shop-db": value });

describe("secrets of sites", () => {
  let ssh: FalseSsh;
  beforeEach(() => {
    const words = "Apache says: p's \\$& word";
    ssh = new FalseSsh(`timeout 2 cat >&3; for i in 1 2; do echo "${words}" >&$i; done; exit 1`);
  });
  afterEach(() => ssh.remove());

  it("join the lines on the pipe, and are in nothing that the machine prints", async () => {
    const { code, stdout, stderr } = await ssh.deliver(secret("p's $& word"), WANT, "webServerPool");
    assert.equal(code, 1);
    assert.match(stdout, /^Apache says: \[secret\]$/m);
    assert.match(stderr, /^Apache says: \[secret\]$/m);
    const [call] = ssh.calls;
    assert.ok(!call.environment.some((entry) => entry.includes("word")));
    assert.ok(call.input.length > 0 && !call.words.join(" ").includes("word"));
  });

  for (const value of ["a\nListen 81", "a\r", "a\\"])
    it(`${JSON.stringify(value)} is refused, and not shown`, async () => {
      const { code, stderr } = await ssh.deliver(secret(value), WANT, "webServerPool");
      assert.equal(code, 1);
      assert.match(
        stderr,
        /web1: the secret shop-db has more than one line, or ends in a backslash; nothing was changed/,
      );
      assert.ok(!stderr.includes(value));
    });
});
