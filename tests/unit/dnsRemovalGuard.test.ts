import assert from "assert";
import { NameServerView, findEarlyRemovals, leavingPairs } from "../../components/preflight/dnsRemovalGuard";

const pair = (text: string): { name: string; address: string } => {
  const [name, address] = text.split(" ");
  return { name, address };
};
const www = "www.a.example 192.0.2.33";
const shop = "shop.a.example 192.0.2.34";

/** What a name server says: pairs it serves, and those that left as "AT TTL NAME ADDRESS". */
function view(nameServer: string, served: string[], left: string[] = [], now = 1000): NameServerView {
  return {
    nameServer,
    now,
    served: served.map(pair),
    left: left.map((line) => {
      const [at, ttl, ...rest] = line.split(" ");
      return { at: Number(at), ttl: Number(ttl), ...pair(rest.join(" ")) };
    }),
  };
}

describe("findEarlyRemovals", () => {
  const rows: [string, string[], string[], NameServerView[], RegExp[]][] = [
    ["nothing leaves", [www], [www], [view("ns1", [www])], []],
    ["a name that is not installed", [], [], [view("ns1", [www])], []],
    ["no name server knows the name", [www], [], [view("ns1", [shop])], []],
    ["there is no name server", [www], [], [], []],
    ["still served", [www], [], [view("ns1", [www])], [/^www.a.example is still in DNS \(ns1 answers 192/]],
    ["served by the second only", [www], [], [view("ns1", []), view("ns2", [www])], [/\(ns2 answers/]],
    ["another address of it stays", [www], ["www.a.example 192.0.2.40"], [view("ns1", [www])], [/^www/]],
    [
      "another address of it is served",
      [www],
      ["www.a.example 192.0.2.40"],
      [view("ns1", ["www.a.example 192.0.2.40"])],
      [],
    ],
    [
      "left, TTL running",
      [www],
      [],
      [view("ns1", [], [`900 300 ${www}`])],
      [
        /^www.a.example at 192.0.2.33 left DNS 100 s ago \(ns1\), but resolvers may still return it for up to 300 s: wait another 200 s$/,
      ],
    ],
    ["left, last second", [www], [], [view("ns1", [], [`701 300 ${www}`])], [/wait another 1 s/]],
    ["left, TTL just passed", [www], [], [view("ns1", [], [`700 300 ${www}`])], []],
    ["left, and installed again", [www], [www], [view("ns1", [], [`999 300 ${www}`])], []],
    [
      "served beats left, whichever view comes first",
      [www],
      [],
      [view("ns1", [], [`999 300 ${www}`]), view("ns2", [www])],
      [/is still in DNS \(ns2/],
    ],
    [
      "two names, one sentence each; two servers, one name, one sentence",
      [www, www, shop],
      [],
      [view("ns1", [www, shop]), view("ns2", [www])],
      [/^www/, /^shop/],
    ],
    ["by each server's own clock", [www], [], [view("ns1", [], [`900 300 ${www}`], 5000)], []],
  ];
  for (const [what, installed, wanted, views, expected] of rows) {
    it(what, () => {
      const messages = findEarlyRemovals(
        leavingPairs(installed.map(pair), wanted.map(pair)),
        views,
        () => "do this",
      );
      assert.strictEqual(messages.length, expected.length, messages.join("\n"));
      expected.forEach((pattern, i) => assert.match(messages[i], pattern));
    });
  }
});
