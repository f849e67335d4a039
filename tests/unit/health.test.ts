import assert from "node:assert/strict";
import fc from "fast-check";
import { HealthRound, parseHealth } from "../../cli/routers/health";
import { Cause, Host, isAnswer } from "../../components/routerRoute/verdict";

const HOST_WORDS: Record<Host, string[]> = {
  [Host.Lives]: ["ok", "", ""],
  [Host.Silent]: ["fail", "no answer within 0.4 s", "silent"],
  [Host.Gone]: ["fail", "answers no ARP", "noarp"],
  [Host.Unknown]: ["fail", "socket: Operation not permitted", "unasked"],
};

/** A round as components/host/probe.pl prints it, without its end. */
function printed({ answers, hosts, tracked, busy }: HealthRound): string[][] {
  const lines = [...(hosts ?? [])].map(([server, host]) => {
    const [state, reason, cause] = HOST_WORDS[host];
    return [state, "192.0.2.2", `host ${server}`, reason, cause, "0"];
  });
  for (const { way, ok, server, site, vip, reason, cause, ms } of answers) {
    const word = cause === Cause.Status ? "status 301" : (cause ?? "");
    lines.push([ok ? "ok" : "fail", vip, `${way} ${server} ${site}`, reason, word, `${ms ?? ""}`]);
  }
  if (busy !== undefined) lines.push(["busy", busy]);
  if (tracked) lines.push(["conntrack", `${tracked.count}`, `${tracked.max}`]);
  return lines;
}

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
const text = fc.stringMatching(/^[ -~]{0,20}$/);
const number = fc.nat(10_000_000);
const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
const answer = fc
  .record({
    way: fc.constantFrom("live", "marked"),
    server: name,
    site: name,
    vip: fc.ipV4(),
    cause: fc.option(fc.constantFrom(...Object.values(Cause)), {
      nil: undefined,
    }),
    reason: text,
    ms: fc.option(fc.nat(10_000), { nil: undefined }),
  })
  .map(({ cause, reason, ...rest }) =>
    defined({
      ...rest,
      ok: cause === undefined,
      cause,
      reason: cause === undefined ? "" : reason,
    }),
  );
const round: fc.Arbitrary<HealthRound> = fc
  .record({
    answers: fc.array(answer),
    hosts: fc.option(
      fc
        .array(fc.tuple(name, fc.constantFrom(...Object.values(Host))), {
          minLength: 1,
        })
        .map((pairs) => new Map(pairs)),
      { nil: undefined },
    ),
    tracked: fc.option(fc.record({ count: number, max: number }, { noNullPrototype: true }), {
      nil: undefined,
    }),
    busy: fc.option(text, { nil: undefined }),
  })
  .map(defined);

describe("a router's round of health checks", () => {
  it("is read as it was printed", () => {
    fc.assert(fc.property(round, (one) => assert.deepEqual(parseHealth(printed(one)), one)));
  });

  it("gives one answer for each question, and a cause if it is not ok, whatever a machine prints", () => {
    const cells = fc.array(
      fc.oneof(text, fc.constantFrom("ok", "fail", "host web1", "marked web1 w", "late")),
      {
        maxLength: 7,
      },
    );
    fc.assert(
      fc.property(fc.array(cells), (lines) => {
        const { answers, hosts, tracked } = parseHealth(lines);
        for (const { ok, cause } of answers) assert.equal(ok, cause === undefined);
        for (const host of hosts?.values() ?? []) assert.ok(Object.values(Host).includes(host));
        assert.ok(tracked === undefined || (tracked.count >= 0 && tracked.max >= 0));
      }),
    );
  });

  it("declares no server dead for unknown words, or for lines of older scripts", () => {
    for (const [reason, cause, expected] of [
      ["no answer within 0.4 s", undefined, Cause.Late],
      ["No route to host", undefined, Cause.Late],
      ["Connection refused", undefined, Cause.Refused],
      ["HTTP status 301 instead of 200", undefined, Cause.Status],
      ['answered "x" instead of "web1 w"', undefined, Cause.Status],
      ["theirs", "dead", Cause.Late],
      ["theirs", "toString", Cause.Late],
      ["theirs", "status 30", Cause.Late],
      ["theirs", "status 404", Cause.Status],
    ] as [string, string | undefined, Cause][]) {
      const line = ["fail", "192.0.2.37", "marked web1 w", reason, ...(cause === undefined ? [] : [cause])];
      const [found] = parseHealth([line]).answers;
      assert.equal(found.cause, expected, `${reason} ${cause}`);
      assert.equal(isAnswer(found), expected === Cause.Status);
    }
  });
});
