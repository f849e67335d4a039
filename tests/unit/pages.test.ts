/** Sites' own pages: what routers tell of them, and which are worse than on other servers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describeWorse, parsePages, worsePages } from "../../cli/routers/pages";

const A = "a".repeat(64);
const B = "b".repeat(64);
/** `web1=200 web2=403`, and of https `web1=200+a+20261101`, or `+another` behind that. */
const answersOf = (text: string, site = "shop"): string[][] =>
  text.split(" ").map((word) => {
    const [server, what] = word.split("=");
    const [cause, hash, begins, named = "named"] = what.split("+");
    const certificate = hash === undefined ? [] : [hash.repeat(64), `${begins}000000`, named];
    const label = `page ${server} ${site}`;
    return [
      "fail",
      "192.0.2.5",
      label,
      "x",
      /^\d/.test(cause) ? `status ${cause}` : cause,
      "3",
      ...certificate,
    ];
  });
const worse = (...lines: string[][]): string[] =>
  worsePages(parsePages(lines).answers).map(({ site, server, answer, elsewhere, others }) =>
    [site, server, answer, "/", elsewhere, others.join(",")].join(" "),
  );

describe("sites' own pages", () => {
  for (const [answers, expected] of [
    ["web1=200 web2=200 web3=204", []],
    ["web1=200 web2=403 web3=200", ["shop web2 status 403 / status 200 web1,web3"]],
    [
      "web1=404 web2=404 web3=200",
      ["shop web1 status 404 / status 200 web3", "shop web2 status 404 / status 200 web3"],
    ],
    ["web1=200 web2=302", ["shop web2 status 302 / status 200 web1"]],
    ["web1=301 web2=301 web3=200", ["shop web3 status 200 / status 301 web1,web2"]],
    // Nobody does better.
    ["web1=404 web2=500", []],
    ["web1=200", []],
    // Its health says so.
    ["web1=200 web2=silent", []],
    ["web1=200+a+20261101 web2=200+a+20261101", []],
    [
      "web1=200+a+20261101 web2=200+b+20261120 web3=200+b+20261120",
      ["shop web1 the certificate of 2026-11-01 / that of 2026-11-20 web2,web3"],
    ],
    [
      "web1=200+a+20261101 web2=200+b+20261120+another",
      ["shop web2 a certificate for another name / one for its name web1"],
    ],
    ["web1=200+a+20261101+another web2=200+b+20261120+another", []],
    ["web1=200+a+20261101 web2=421+b+20261120+another", ["shop web2 status 421 / status 200 web1"]],
  ] as const)
    it(answers, () => assert.deepEqual(worse(...answersOf(answers)), expected));

  it("reports a server that answers for one site but not for another", () => {
    assert.deepEqual(worse(...answersOf("web1=200 web2=late"), ...answersOf("web1=200 web2=200", "blog")), [
      "shop web2 no page / status 200 web1",
    ]);
  });

  it("takes the first router's answer if there are several", () =>
    assert.deepEqual(worse(...answersOf("web1=200 web2=200"), ...answersOf("web1=200 web2=500")), []));

  it("gives a sentence that says where and what to do", () =>
    assert.equal(
      describeWorse(worsePages(parsePages(answersOf("web1=200 web2=403")).answers)[0]),
      "site shop answers with status 403 on web2 (192.0.2.5), but with status 200 on web1: check its document root, application and certificate on web2; until then no planned move takes it there",
    ));

  it("counts what was not asked, and shows whether another run was at work", () =>
    assert.deepEqual(
      parsePages([
        ["unasked", "7"],
        ["busy", "up"],
        ...answersOf("web1=unasked"),
        ["fail", "v", "marked web1 w", "", "late"],
      ]),
      { answers: [], unasked: 8, busy: true },
    ));

  it("gives no answer for a server without a name, whatever a machine prints", () => {
    const cell = fc.oneof(
      fc.string(),
      fc.constantFrom("fail", "ok", "page web1 shop", "page  x", "status 200", A, B),
    );
    fc.assert(
      fc.property(fc.array(fc.array(cell, { maxLength: 10 })), (lines) => {
        const { answers, unasked } = parsePages(lines);
        assert.ok(unasked >= 0);
        for (const { server, site, status = 200 } of answers)
          assert.ok(server !== "" && site !== "" && status >= 100 && status < 600);
        worsePages(answers);
      }),
    );
  });
});
