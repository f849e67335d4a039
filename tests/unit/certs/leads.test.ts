import assert from "node:assert/strict";
import { Lead, issueIn, inTurns } from "../../../cli/certs/leads";

const VIPS = ["192.0.2.37", "192.0.2.69"];
const WANTED = "token.thumbprint";

describe("certs: the check whether a name leads to the farm", () => {
  const lead = (more: Partial<Lead>): Lead => ({
    ...{ name: "a.example", addresses: [VIPS[0]], addresses6: [], wanted: WANTED },
    answers: [{ address: VIPS[0], text: WANTED }],
    ...more,
  });
  const cases: [string, Partial<Lead>, RegExp | undefined][] = [
    ["it does", {}, undefined],
    [
      "it does at the second address",
      {
        addresses: VIPS,
        answers: [
          { address: VIPS[0], text: "no answer" },
          { address: VIPS[1], text: WANTED },
        ],
      },
      undefined,
    ],
    [
      "it is not in DNS",
      { addresses: [], answers: [], dnsFailure: "ENOTFOUND" },
      /^a\.example is not found in DNS \(ENOTFOUND\); the site's VIPs are 192\.0\.2\.37, 192\.0\.2\.69$/,
    ],
    [
      "it leads elsewhere",
      { addresses: ["203.0.113.1"], answers: [] },
      /^a\.example resolves to 203\.0\.113\.1, not to this farm; the site's VIPs are /,
    ],
    ["it leads elsewhere, too", { addresses: [VIPS[0], "203.0.113.1"] }, /resolves to 203\.0\.113\.1, not/],
    ["it has IPv6", { addresses6: ["2001:db8::1"] }, /AAAA record \(2001:db8::1\).*remove the record$/],
    [
      "another server answers",
      { answers: [{ address: VIPS[0], text: "token.other" }] },
      /\(192\.0\.2\.37: token\.other\): check loopback-ha status$/,
    ],
    [
      "no server answers",
      { answers: [{ address: VIPS[0], text: "no answer" }] },
      /\(192\.0\.2\.37: no answer\)/,
    ],
    [
      "the answer would steer a terminal",
      { answers: [{ address: VIPS[0], text: "\u001b[2J" }] },
      /: \\u\{1b\}\[2J\)/,
    ],
  ];
  for (const [what, more, issue] of cases)
    it(what, () => {
      const text = issueIn(lead(more), VIPS);
      if (issue === undefined) assert.equal(text, undefined);
      else assert.match(text ?? "", issue);
    });

  it("looks names up a few at a time, and reports them in their order", async () => {
    let [now, most] = [0, 0];
    const results = await inTurns([...Array(50).keys()], async (i) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, i % 3));
      now--;
      return i * 2;
    });
    assert.deepEqual(
      results,
      [...Array(50).keys()].map((i) => i * 2),
    );
    assert.equal(most, 16);
  });
});
