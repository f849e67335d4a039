import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { describeChange, renderPreview } from "../../../cli/preview/text";
import { change, flip, preview } from "./support";

const text = (...args: Parameters<typeof renderPreview>): string[] =>
  stripVTControlCharacters(renderPreview(...args)).split("\n");

describe("preview for a terminal", () => {
  it("has the verdict, the moves, and each machine's diff", () =>
    assert.deepEqual(text("loopback-ha/prod", flip()), [
      "loopback-ha/prod  1 prefix moves (web2 => web1); 12 open connections stay where they are until they end; r1 changes",
      "r1: 192.0.2.64/27: via web2 => via web1 (sites gadgets, widgetco); 12 open connections stay with web2 until the end",
      "r1: web1 1 of 2 (50 %) => 2 of 2 (100 %), web2 1 of 2 (50 %) => 0 of 2 (0 %)",
      "",
      "r1",
      "  linux-routes: update",
      "    routes  +1 -1",
      "      @@ -1,2 +1,2 @@",
      "       192.0.2.32/27 web1 192.0.2.2",
      "      -192.0.2.64/27 web2 192.0.2.3",
      "      +192.0.2.64/27 web1 192.0.2.2",
    ]));

  it("has warnings and proposed homes, and says why a command runs without a change in its text", () =>
    assert.deepEqual(
      text(
        "s",
        preview({
          routers: [],
          warnings: ["careful\x1b[2J"],
          proposedHomes: { "192.0.2.64/27": "web2" },
          changes: [
            change({ files: [] }),
            change({ machine: "web2", files: [], drift: "an address is missing" }),
          ],
        }),
      ),
      [
        "s  nothing moves; web1, web2 change; drift on web2 is repaired",
        "warning: careful\\u{1b}[2J",
        "to balance by weight:",
        `  pulumi config set --path 'homes["192.0.2.64/27"]' web2`,
        "",
        "web1",
        "  vips: update",
        "    the desired state is unchanged; the library's scripts or the connection settings changed",
        "",
        "web2",
        "  vips: update (repairs: an address is missing)",
      ],
    ));

  for (const [drift, says] of [
    ["+ vhost w: RewriteRule …", "removes: vhost w: RewriteRule …"],
    ["- document root /srv/w", "restores: document root /srv/w"],
    [
      "+ a, seen after the run of 2026-11-29T08:01:02.123456789Z",
      "removes: a, seen after the run of 2026-11-29T08:01:02Z",
    ],
    ["nothing of ours is on it", "repairs: nothing of ours is on it"],
  ])
    it(`says what happens to "${drift}"`, () =>
      assert.equal(describeChange(change({ drift })), `vips: update (${says})`));
});
