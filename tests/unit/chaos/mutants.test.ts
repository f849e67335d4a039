import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { checkout } from "../../../lab/state";
import { MUTANTS, plant } from "../../chaos/mutants";

describe("chaos: planted bugs", () => {
  let copy: string;
  before("a copy", () => {
    copy = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-mutants-"));
    fs.cpSync(path.join(checkout, "components"), path.join(copy, "components"), { recursive: true });
  });
  after("goes", () => fs.rmSync(copy, { recursive: true }));

  for (const mutant of MUTANTS)
    it(`${mutant.name}: its text is in the product once, and then no more`, () => {
      const read = (): string => fs.readFileSync(path.join(copy, mutant.file), "utf8");
      const whole = read();
      plant(mutant, copy);
      assert.notEqual(read(), whole);
      assert.throws(() => plant(mutant, copy), /does not have its text once/);
      fs.writeFileSync(path.join(copy, mutant.file), whole);
    });
});
