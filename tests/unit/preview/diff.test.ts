import assert from "node:assert/strict";
import fc from "fast-check";
import { printable, shownLine } from "../../../components/host/foreignText.cjs";
import { EACH, fileDiff, machineGroups } from "../../../cli/preview/diff";
import { change } from "./support";

describe("diffs of a preview", () => {
  it("have two lines around a change, and say how much it is", () => {
    const before = "1\n2\n3\n4\n5\n6\n7\n";
    assert.deepEqual(fileDiff({ name: "zone", before, after: before.replace("4", "four\nfive") }), {
      name: "zone",
      lines: ["@@ -2,5 +2,6 @@", " 2", " 3", "-4", "+four", "+five", " 5", " 6"],
      added: 2,
      removed: 1,
    });
  });

  it("show a file that comes or goes as a whole", () => {
    const came = fileDiff({ name: "zone", after: "a\nb\n" });
    assert.deepEqual([came.added, came.removed, came.lines.slice(1)], [2, 0, ["+a", "+b"]]);
    const gone = fileDiff({ name: "zone", before: "a\n" });
    assert.deepEqual([gone.added, gone.removed, gone.lines.slice(1)], [0, 1, ["-a"]]);
  });

  it("hide nothing: control characters and direction marks are shown", () => {
    const { lines } = fileDiff({ name: "zone", after: "a\u202eb\x1b[2Jc\r\n" });
    assert.equal(lines[1], "+a\\u{202e}b\\u{1b}[2Jc\\u{d}");
    assert.equal(printable("\u{1f600} ä\tx\ud800"), "\u{1f600} ä\tx\\u{d800}");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const shown = printable(text);
        assert.ok(!/[\p{Cs}\p{Cf}\p{Zl}\p{Zp}]|(?!\t)\p{Cc}/u.test(shown));
      }),
    );
  });

  it("shorten a very long line, and say how long it was", () =>
    assert.match(shownLine("x".repeat(4000)), /^x{299}… \(4000 characters\)$/));

  it("are shown once for machines that differ only in their names", () => {
    const site = (machine: string, more = ""): ReturnType<typeof change> =>
      change({ machine, files: [{ name: `${machine}.conf`, after: `Alias /${machine}.x web11 ${more}\n` }] });
    const groups = machineGroups([site("web10"), site("web2"), site("web1"), site("web3", "more")]);
    assert.deepEqual(
      groups.map(({ machines }) => machines),
      [["web1", "web2", "web10"], ["web3"]],
    );
    const [[common], [single]] = groups.map(({ changes }) => changes[0].files);
    assert.equal(common.name, `${EACH}.conf`);
    assert.equal(common.lines[1], `+Alias /${EACH}.x web11 `);
    assert.equal(single.lines[1], "+Alias /web3.x web11 more");
  });

  it("are sorted by machine name and role, whatever order they come in", () => {
    const all = ["vips", "vhosts"].flatMap((role) =>
      ["web2", "web1"].map((machine) =>
        change({ machine, role, op: machine === "web1" ? "create" : "update" }),
      ),
    );
    for (const changes of [all, [...all].reverse()])
      assert.deepEqual(
        machineGroups(changes).map(({ machines, changes: own }) => [
          machines[0],
          ...own.map(({ role }) => role),
        ]),
        [
          ["web1", "vhosts", "vips"],
          ["web2", "vhosts", "vips"],
        ],
      );
  });
});
