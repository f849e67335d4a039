import assert from "node:assert/strict";
import fc from "fast-check";
import { FarmModel, readFarm } from "../../components/config";
import { pathText } from "../../components/base/problems";
import {
  FIELDS,
  Leaf,
  MAPS,
  RECORD_VALUES,
  classics,
  farm,
  hostile,
  leaves,
  unknownParts,
  withValue,
} from "./config/hostile";
import { Json, Key, problemsOf, zone } from "./config/support";

/** One word for any shell, any configuration file and any terminal, and no option. */
const WORD = /^[A-Za-z0-9._/+@:][A-Za-z0-9._/+@:-]*$/;
/** A mail address may begin with a dash, and never stands in a command. */
const MAIL = /^[A-Za-z0-9._+@-]+$/;
/** What a record's owner and value may be besides: they reach a zone file only. */
const OWNER = /^([A-Za-z0-9._@/-]+|\*(\.[A-Za-z0-9._/-]+)?)$/;
/** A line of Apache's, which begins with a directive and is one line for it. */
const LINE = /^\s*($|#|<?[A-Za-z][A-Za-z0-9_]*(?=[\s>]|$))(\t|[^\p{Cc}\u2028\u2029])*$/u;
/** A further name of a site, which Apache and a zone have, and no shell. */
const ALIAS = /^(\*\.)?[A-Za-z0-9.-]+$/;
/** On one line, with quotes and backslashes that end, and no bracket or comment outside of them. */
const RDATA =
  /^([\x20\x21\x23-\x27\x2a-\x3a\x3c-\x5b\x5d-\x7e]|\\[\x20-\x7e]|"([\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*")+$/;
const VALUES: Record<string, RegExp> = {
  TXT: /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/,
  CAA: /^\d+ [a-z0-9]+ "[\x20\x21\x23-\x5b\x5d-\x7e]*"$/i,
  DS: /^(\d+ ){3}[0-9a-f ]+$/i,
  HTTPS: RDATA,
  NAPTR: RDATA,
  SSHFP: /^(\d+ ){2}[0-9a-f ]+$/i,
  TLSA: /^(\d+ ){3}[0-9a-f ]+$/i,
  TYPE65280: RDATA,
};
const PLAIN_VALUE = /^(\d+ ){0,3}[A-Za-z0-9.:_@/-]+$/;

const keyOf = ({ at }: Leaf): string => at.join(".");

/** Refused, with a line for a terminal that names the place; or taken: then the model. */
function outcome(config: Json, at: Key[]): FarmModel | "refused" {
  const problems = problemsOf(config);
  if (problems.length === 0) return readFarm(config);
  for (const { path, text } of problems) {
    assert.match(text, /^[\x20-\x7e]+$/);
    assert.ok(text.startsWith(`${path}: `), text);
  }
  const here = pathText(at);
  assert.ok(
    problems.some(({ path }) => path === here || path.startsWith(`${here}.`) || path.startsWith(`${here}[`)),
    `none of these is about ${here}: ${JSON.stringify(problems)}`,
  );
  return "refused";
}

describe("hostile texts in the configuration (slow)", () => {
  it("are tried in every section, and in every text of a schema", () => {
    assert.deepEqual(unknownParts(), []);
    const texts = leaves().filter(({ isText }) => isText);
    assert.deepEqual(texts.map(keyOf).sort(), Object.keys(FIELDS).sort());
  });

  for (const leaf of leaves().filter(({ isText }) => !isText)) {
    it(`${pathText(leaf.at)}: refused`, () => {
      fc.assert(
        fc.property(hostile("1"), (text) => {
          // Of an enum's words, and of true and false where they may be text, none is hostile.
          assert.equal(outcome(withValue(leaf.at, text), leaf.at), "refused");
        }),
        { numRuns: 15 },
      );
    });
  }

  for (const leaf of leaves().filter(({ isText }) => isText)) {
    const key = keyOf(leaf);
    const { works, at = leaf.at, besides, read, becomes } = FIELDS[key] ?? {};
    const types = key.endsWith("records.0.value") ? Object.entries(RECORD_VALUES) : [["", works]];
    it(`${pathText(leaf.at)}: refused, or one harmless word that arrives as it is`, () => {
      for (const [type, sound] of types) {
        const tried = (text: string): boolean => {
          const config = withValue(at, text);
          besides?.(config);
          if (type) Object.assign(firstRecord(config), { name: "mail2", type });
          const model = outcome(config, at);
          if (model === "refused") return false;
          assert.equal(read(model), becomes?.(text) ?? text);
          assert.match(text, harmless(key, type));
          return true;
        };
        assert.ok(tried(sound), sound);
        const property = fc.property(hostile(sound), (text) => void tried(text));
        fc.assert(property, { examples: classics(sound), numRuns: classics(sound).length + 20 });
      }
    });
  }

  for (const map of MAPS) {
    const [name, entry] = Object.entries((farm()[map] ?? {}) as Json)[0] ?? ["192.0.2.32/27", "web1"];
    it(`${map}: a name is refused, or one harmless word`, () => {
      fc.assert(
        fc.property(hostile(name), (text) => {
          const config = withValue([map, text], entry);
          // The one it stands for: two of an address would be a problem of another kind.
          if (text !== name) delete (config[map] as Json)[name];
          if (outcome(config, [map, text]) !== "refused") assert.match(text, WORD);
        }),
        { numRuns: 80 },
      );
    });
  }
});

function harmless(key: string, type: string): RegExp {
  if (type) return VALUES[type] ?? PLAIN_VALUE;
  if (key.endsWith("contact")) return MAIL;
  if (/liases\.0$/.test(key)) return ALIAS;
  if (key.endsWith("checkPath")) return /^\/[\x21-\x7e]*$/;
  if (key.endsWith("apache.0")) return LINE;
  return key.endsWith("records.0.name") ? OWNER : WORD;
}

function firstRecord(config: Json): Json {
  return (config.zones as Record<string, { records: Json[] }>)[zone].records[0];
}
