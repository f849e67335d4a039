import assert from "assert";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { controlPath, isOwn } from "../../../components/host/sshHere.cjs";

const here = {
  home: "/home/ann",
  runtime: "/run/user/1000",
  temporary: "/tmp/loopback-ha-1000",
  space: "4026531840-",
};
const home = (length: number): string => `/${"h".repeat(length - 1)}`;

describe("the place of the control socket", () => {
  const all = (): boolean => true;
  const rows: [
    string,
    Partial<Record<keyof typeof here, string | undefined>>,
    (folder: string) => boolean,
    string?,
  ][] = [
    ["the home's .ssh", {}, all, "/home/ann/.ssh/loopback-ha-%C"],
    ["a home that just fits", { home: home(32) }, all, `${home(32)}/.ssh/loopback-ha-%C`],
    ...[33, 41, 60].map((length): (typeof rows)[number] => [
      `a home of ${length} letters`,
      { home: home(length) },
      all,
      "/run/user/1000/loopback-ha-4026531840-%C",
    ]),
    [
      "a .ssh that can't be written",
      {},
      (folder) => !folder.endsWith(".ssh"),
      "/run/user/1000/loopback-ha-4026531840-%C",
    ],
    ["a uid without a name", { home: undefined }, all, "/run/user/1000/loopback-ha-4026531840-%C"],
    [
      "no session",
      {},
      (folder) => folder.startsWith("/tmp"),
      "/tmp/loopback-ha-1000/loopback-ha-4026531840-%C",
    ],
    ["a home with a space", { home: "/home/a b" }, all, "/run/user/1000/loopback-ha-4026531840-%C"],
    [
      "a home with a %",
      { home: "/home/%h", runtime: "x" },
      all,
      "/tmp/loopback-ha-1000/loopback-ha-4026531840-%C",
    ],
    ["no room at all", {}, () => false, undefined],
  ];
  for (const [what, rest, own, expected] of rows)
    it(what, () => assert.strictEqual(controlPath({ ...here, ...rest } as typeof here, own), expected));

  it("is a folder of the user's own, where no other user may write", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "own-"));
    const at = (name: string): string => path.join(folder, name);
    try {
      assert.ok(isOwn(at("new"), true));
      assert.strictEqual(fs.statSync(at("new")).mode & 0o777, 0o700);
      assert.ok(!isOwn(at("none"), false));
      fs.chmodSync(at("new"), 0o777);
      assert.ok(!isOwn(at("new"), true));
      fs.writeFileSync(at("file"), "");
      assert.ok(!isOwn(at("file"), true));
      fs.symlinkSync(folder, at("link"));
      assert.ok(isOwn(at("link"), true));
      if (process.getuid?.() === 0) {
        fs.mkdirSync(at("theirs"), { mode: 0o700 });
        fs.chownSync(at("theirs"), 12345, 12345);
        assert.ok(!isOwn(at("theirs"), true));
        fs.symlinkSync(at("theirs"), at("way"));
        assert.ok(!isOwn(at("way"), true));
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
