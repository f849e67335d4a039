import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { TlsModel } from "../../../components/config";
import { makePrivate, pairsFolderOf } from "../../../cli/certs/folder";

describe("certs: the folder", () => {
  const cases: [Partial<TlsModel> | undefined, string | RegExp][] = [
    [undefined, "acme/live"],
    [{}, "acme/live"],
    [{ folder: "acme-test/live" }, "acme-test/live"],
    [{ folder: "/etc/letsencrypt/live" }, "/etc/letsencrypt/live"],
    [{ folder: "live" }, /^tls\.folder is live, which belongs to your own ACME client.*Nothing was touched$/],
    [{ folder: "certs" }, /pulumi config set --path tls\.folder acme\/live/],
    [{ folder: "acme/live", keys: "/keys" }, /^tls\.keys is \/keys, but certbot writes each key next to/],
  ];
  for (const [tls, wanted] of cases)
    it(`of ${JSON.stringify(tls)}`, () => {
      const farm = { tls: tls === undefined ? undefined : { tickets: true, ...tls } };
      if (typeof wanted === "string") assert.equal(pairsFolderOf(farm), wanted);
      else assert.throws(() => pairsFolderOf(farm), { name: "UsageError", message: wanted });
    });

  it("is created for its owner only and outside version control; an existing one stays as it is", () => {
    const above = fs.mkdtempSync(path.join(os.tmpdir(), "folder-"));
    try {
      makePrivate(path.join(above, "x/acme"));
      assert.equal(fs.statSync(path.join(above, "x/acme")).mode & 0o777, 0o700);
      assert.match(fs.readFileSync(path.join(above, "x/acme/.gitignore"), "utf8"), /^\*$/m);
      fs.mkdirSync(path.join(above, "y"), { mode: 0o755 });
      makePrivate(path.join(above, "y"));
      assert.equal(fs.statSync(path.join(above, "y")).mode & 0o777, 0o755);
      assert.deepEqual(fs.readdirSync(path.join(above, "y")), []);
    } finally {
      fs.rmSync(above, { recursive: true });
    }
  });
});
