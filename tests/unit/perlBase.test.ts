/** Machines have perl-base, and may have nothing more of perl. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const COMPONENTS = path.join(__dirname, "../../components");

/** Of Debian's perl-base, what is used. */
const MODULES = "strict warnings integer constant Errno Fcntl Getopt::Long IO::Handle POSIX Socket".split(
  " ",
);
/** Used where it is there. */
const OPTIONAL: Record<string, string[]> = { "tls13.pl": ["Digest::SHA"] };

describe("perl on machines", () => {
  const scripts = fs
    .readdirSync(COMPONENTS, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".pl"));
  it("is in several scripts", () => assert.ok(scripts.some((file) => file.endsWith("guard/guard.pl"))));
  for (const script of scripts)
    it(`takes only modules of perl-base: ${script}`, () => {
      const text = fs.readFileSync(path.join(COMPONENTS, script), "utf8");
      const used = [...text.matchAll(/^ *(?:use|no) ([A-Za-z][\w:]*)|\brequire ([A-Z][\w:]*)/gm)];
      const allowed = [...MODULES, ...(OPTIONAL[path.basename(script)] ?? [])];
      assert.deepEqual(
        used.map(([, name, required]) => name ?? required).filter((name) => !allowed.includes(name)),
        [],
      );
    });
});
