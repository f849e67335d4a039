/** What the guard on a router takes for dead, sick or alive, and what watch does: two programs, one table. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import { GUARD } from "../../components/routerRoute/guard";
import { Cause, Host, LIMITS, Sign, signOf } from "../../components/routerRoute/verdict";

const FILE = path.join(__dirname, "../../components/routerRoute/linux/guard/verdict.pl");

/** As probe.pl says it of a service, and as watch reads it. */
const CAUSES: [word: string, cause?: Cause][] = [
  ["ok"],
  ["refused", Cause.Refused],
  ["unreachable", Cause.Unreachable],
  ["silent", Cause.Silent],
  ["late", Cause.Late],
  ["status 503", Cause.Status],
  ["other", Cause.Other],
  ["unasked", Cause.Unasked],
];
/** The same of a machine: see hostOf in cli/routers/health.ts. */
const HOSTS: [word: string, host: Host][] = [
  ["ok", Host.Lives],
  ["silent", Host.Silent],
  ["noarp", Host.Gone],
  ["unreachable", Host.Unknown],
  ["unasked", Host.Unknown],
];

interface Row {
  text: string;
  expected: Sign | "";
}

function* rows(): Generator<Row> {
  const lists = [
    ...CAUSES.map((one) => [one]),
    ...CAUSES.flatMap((one) => CAUSES.map((other) => [one, other])),
    [],
  ];
  for (const [word, host] of HOSTS)
    for (const pinged of [false, true])
      for (const list of lists) {
        const asked = list.map(([, cause]) => ({ ok: cause === undefined, cause }));
        yield {
          text: [word, pinged ? "1" : "", ...list.map(([cause]) => cause)].join("\t"),
          expected: signOf(asked, host, pinged) ?? "",
        };
      }
}

describe("the guard's verdict", () => {
  const all = [...rows()];
  const perl = (call: string): string[] => {
    const program = `require shift; while (my $line = <STDIN>) { chomp $line; my ($host, $pinged, @causes) = split /\\t/, $line, -1; print ${call}, "\\n" }`;
    const input = all.map(({ text }) => `${text}\n`).join("");
    const { stdout, stderr } = spawnSync("perl", ["-we", program, FILE], { encoding: "utf8", input });
    assert.equal(stderr, "");
    return stdout.split("\n").slice(0, -1);
  };

  it("is that of watch, for each answer of one and of two services", () => {
    const found = perl("Verdict::sign_of($host, $pinged, @causes)");
    assert.equal(found.length, all.length);
    assert.ok(all.length > 700);
    assert.deepEqual(
      all.map(({ text }, i) => `${text}: ${found[i]}`),
      all.map(({ text, expected }) => `${text}: ${expected}`),
    );
  });

  it("has heard of a server whose machine or service gave any answer but a refusal", () => {
    const found = perl('Verdict::is_heard($host, @causes) ? "yes" : "no"');
    for (const [i, { text }] of all.entries())
      assert.equal(found[i], /(^|\t)ok(\t|$)|late|status|other/.test(text) ? "yes" : "no", text);
  });

  it("has the limits of watch, where nothing else is configured", () => {
    assert.deepEqual([GUARD.fall, GUARD.minActive], [LIMITS.fall, LIMITS.minActiveDead]);
  });

  it("a port that is closed on all VIPs, next to one that answers, is sick and not dead", () => {
    const http = { ok: true };
    const https = { ok: false, cause: Cause.Refused };
    assert.equal(signOf([http, https], Host.Lives, true), Sign.Answers);
  });
});
