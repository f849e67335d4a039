import assert from "node:assert/strict";
import fc from "fast-check";
import { Family, exposition } from "../../../cli/observe/exposition";
import { parse } from "./support";

const family = (rest: Partial<Family> = {}): Family => ({
  name: "loopback_ha_x",
  type: "gauge",
  help: "What it is.",
  samples: [{ value: 1 }],
  ...rest,
});

describe("Prometheus' text format", () => {
  it("is as its specification has it", () => {
    const text = exposition([
      family({
        samples: [
          { labels: { a: "1", b: 'q"\\' }, value: 0.25 },
          { labels: {}, value: Infinity },
        ],
      }),
      family({ name: "loopback_ha_y_total", type: "counter", help: "a\\b\nc", samples: [{ value: 1e21 }] }),
      family({ name: "loopback_ha_none", samples: [] }),
    ]);
    assert.equal(
      text,
      [
        "# HELP loopback_ha_x What it is.",
        "# TYPE loopback_ha_x gauge",
        'loopback_ha_x{a="1",b="q\\"\\\\"} 0.25',
        "loopback_ha_x +Inf",
        "# HELP loopback_ha_y_total a\\\\b\\nc",
        "# TYPE loopback_ha_y_total counter",
        "loopback_ha_y_total 1e+21",
        "",
      ].join("\n"),
    );
  });

  it("read again it is what was written, whatever a label's text is; what is not printable is spelled out", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom('"} 1', "\n# TYPE x counter", "\\", '\\"', "a\u2028b", "\x1b[31m", "x".repeat(5000)),
    );
    const value = fc.oneof(fc.double(), fc.integer());
    const samples = fc.array(
      fc.record({ labels: fc.dictionary(fc.constantFrom("site", "server"), text), value }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(samples, text, (own, help) => {
        const parsed = parse(exposition([family({ help, samples: own })]));
        assert.equal(parsed.samples.length, own.length);
        assert.deepEqual([...parsed.types], [["loopback_ha_x", "gauge"]]);
        for (const [i, { labels, value: read }] of parsed.samples.entries()) {
          assert.deepEqual(Object.keys(labels).sort(), Object.keys(own[i].labels).sort());
          assert.ok(Object.is(read, own[i].value) || read === own[i].value, `${read} ${own[i].value}`);
          for (const [name, written] of Object.entries(own[i].labels)) {
            if (/^[ -~]{0,200}$/.test(written)) assert.equal(labels[name], written);
            assert.ok(labels[name].length <= 200);
            assert.doesNotMatch(labels[name], /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
          }
        }
      }),
    );
  });
});
