/** docs/guard.md: what it quotes is what is so. Its commands are run by tests/lab/guard/docs.test.ts. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { adoptCommand, releaseCommand } from "../../cli/commands/guard";
import { readFarm } from "../../components/config";
import { describeHeld } from "../../components/network/holds";
import { GUARD, GUARD_RANGES } from "../../components/routerRoute/guard";
import { block, blocks } from "../pages";
import { classicFarm } from "./config/support";

const PAGE = "docs/guard.md";
const text = fs.readFileSync(path.join(__dirname, "../..", PAGE), "utf8");

describe("docs/guard.md", () => {
  it("has a config that is accepted", () => {
    const config = parse(block(PAGE, "guard:", "yaml")) as Record<string, object>;
    const farm = readFarm({ ...classicFarm(), routers: config["loopback-ha:routers"] });
    assert.deepEqual(farm.routers[0].guard, { dryRun: true });
  });

  it("lists every key with its default", () => {
    const rows = [...text.matchAll(/^\| `(\w+)` +\| `?([^ |`]+)`? +\|/gm)].map(([, key, value]) => [
      key,
      value,
    ]);
    assert.deepEqual(
      Object.fromEntries(rows),
      Object.fromEntries(Object.entries(GUARD).map(([key, value]) => [key, String(value)])),
    );
    assert.ok(
      text.includes(
        `consecutive rounds a server must be dead before its prefixes move: ${GUARD_RANGES.fall.join(" to ")}`,
      ),
    );
  });

  it("quotes the programs' messages", () => {
    const units = [{ prefix: "192.0.2.64/27", to: "web1" }];
    const hold = { server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections", units };
    assert.equal(block(PAGE, "the guard moved", "text"), `r1: ${describeHeld(hold)}.\n`);
  });

  it("has these command blocks and no others", () => {
    assert.deepEqual(blocks(PAGE), ["pulumi up\n", "loopback-ha adopt\n", "loopback-ha release web2\n"]);
    assert.deepEqual([adoptCommand().name(), releaseCommand().name()], ["adopt", "release"]);
  });
});
