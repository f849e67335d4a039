import assert from "assert";
import { createHash } from "crypto";
import { filesOf, isLarge, packLarge } from "../../components/host/payload.cjs";

const linesOf = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`s${i}`, `s${i}.widgetco.example 192.0.2.33 /srv`]),
  );
const text = (lines: Record<string, string>): string =>
  Object.entries(lines)
    .map(([word, rest]) => `${word} ${rest}\n`)
    .join("");

describe("desired files", () => {
  it("are lines and texts while they are small", () => {
    const want = { sites: linesOf(100), settings: "a=b\n" };
    assert.ok(!isLarge(want.sites));
    assert.deepStrictEqual(packLarge("v1", want), { scripts: "v1", want });
    assert.deepStrictEqual(filesOf({ want }), { sites: text(want.sites), settings: "a=b\n" });
  });

  it("are packed when they are large, into a tenth of the size, and unpacked again", () => {
    const bindings = Array.from({ length: 20_000 }, (_, i) => `address 192.0.${i >> 8}.${i & 255}\n`).join(
      "",
    );
    const want = { sites: linesOf(10_000), bindings, settings: "a=b\n" };
    assert.ok(isLarge(want.sites));
    const delivery = packLarge("v1", want);
    assert.deepStrictEqual(delivery.want, { settings: "a=b\n" });
    assert.ok(JSON.stringify(delivery).length < JSON.stringify(want).length / 8);
    assert.deepStrictEqual(filesOf(delivery), { settings: "a=b\n", sites: text(want.sites), bindings });
    const again = { ...want, sites: { ...want.sites } };
    assert.deepStrictEqual(packLarge("v1", again), delivery);
    assert.notDeepStrictEqual(packLarge("v1", { ...want, sites: linesOf(10_001) }), delivery);
  });

  it("are packed into the same bytes by each version of Node, or an upgrade would change all machines", () => {
    const { packed } = packLarge("v1", { sites: linesOf(10_000) });
    const sum = createHash("sha256").update(Buffer.from(packed!.sites, "base64")).digest("hex");
    // Of Node 18, 20 and 24, with Brotli 1.1 and 1.2.
    assert.strictEqual(sum.slice(0, 16), "af4ab7fa94a1f15c");
  });
});
