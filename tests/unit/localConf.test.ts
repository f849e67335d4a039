import assert from "assert";
import { execFileSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";

const role = fs.readFileSync(path.join(__dirname, "../../components/dnsRoundRobin/role.sh"), "utf8");
const HOST = path.join(__dirname, "../../components/host/machine");
const writer = /^install_local_conf\(\) \{\n[^]*?\n\}\n/m.exec(role)?.[0] ?? "";

describe("named.conf.local as a link into a user's folder (L8)", () => {
  it("keeps link and mode, and does not follow a link of the temporary file's name there", () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "local-conf-"));
    const at = (name: string): string => path.join(dir, name);
    try {
      fs.mkdirSync(at("his"));
      fs.writeFileSync(at("his/conf"), "old\n", { mode: 0o640 });
      fs.writeFileSync(at("victim"), "untouched\n");
      fs.symlinkSync("../victim", at("his/conf.loopback-ha-new"));
      fs.symlinkSync("his/conf", at("local"));
      execFileSync(
        "bash",
        ["-euc", `run=$1 local_conf=$1/local scripts=${HOST}\n${writer}install_local_conf`, "bash", dir],
        {
          input: "new\n",
        },
      );
      assert.strictEqual(fs.readFileSync(at("victim"), "utf8"), "untouched\n");
      assert.strictEqual(fs.readFileSync(at("his/conf"), "utf8"), "new\n");
      assert.strictEqual(fs.readlinkSync(at("local")), "his/conf");
      assert.strictEqual(fs.statSync(at("his/conf")).mode & 0o777, 0o640);
      assert.deepStrictEqual(fs.readdirSync(at("his")), ["conf"]);
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
});
