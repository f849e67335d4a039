import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import {
  Journal,
  Order,
  journalFile,
  keyOf,
  readJournal,
  withOrder,
  writeJournal,
} from "../../../cli/certs/journal";

const FRESH = { stack: "farm/prod", server: "https://acme.example/directory" };
const DAY = 24 * 3_600_000;
const order = (at: number, more: Partial<Order> = {}): Order => ({
  ...{ at: new Date(at), site: "a", key: "k", result: "begun" },
  ...more,
});
const empty: Journal = { ...FRESH, orders: [], delivered: {} };

describe("certs: the journal", () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "journal-"))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  it("is read as it was written", () => {
    assert.deepEqual(readJournal(folder, FRESH), empty);
    const journal = {
      ...empty,
      orders: [order(5, { result: "failed", text: "no" }), order(6, { result: "ordered" })],
      delivered: { a: "0123" },
    };
    writeJournal(folder, journal);
    assert.deepEqual(readJournal(folder, { stack: "other", server: "other" }), journal);
  });

  it("replaces the start of an order by its end, and drops entries that are a week old", () => {
    const begun = withOrder({ ...empty, orders: [order(0)] }, order(9 * DAY));
    assert.deepEqual(begun.orders, [order(9 * DAY)]);
    const ended = withOrder(begun, order(9 * DAY, { result: "ordered" }));
    assert.deepEqual(ended.orders, [order(9 * DAY, { result: "ordered" })]);
    const other = withOrder(ended, order(9 * DAY, { site: "b" }));
    assert.equal(other.orders.length, 2);
  });

  it("reports that it can't be read, and then nothing is ordered", () => {
    for (const text of [
      "",
      "{",
      "[]",
      '{"stack":"a"}',
      '{"stack":"a","server":"b","orders":1,"delivered":{}}',
    ]) {
      fs.writeFileSync(journalFile(folder), text);
      assert.throws(() => readJournal(folder, FRESH), /orders\.json can't be read .*nothing was ordered/);
    }
  });

  it("takes the same names in any sequence for the same order, and those of another CA for another", () => {
    assert.equal(keyOf("s", ["b", "a"]), keyOf("s", ["a", "b"]));
    assert.notEqual(keyOf("s", ["a"]), keyOf("t", ["a"]));
  });
});
