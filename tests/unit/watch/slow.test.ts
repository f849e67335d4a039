/** Slow is not dead (H5). */
import assert from "node:assert/strict";
import { parseHealth } from "../../../cli/routers/health";
import { Result, savedOf } from "../../../cli/watch/state";
import {
  Cause,
  Host,
  LIMITS,
  Sign,
  Verdict,
  signOf,
  verdictOf,
} from "../../../components/routerRoute/verdict";
import { INTERVAL, Watched, policy, servers, times } from "./support";

/** Rounds until a sick server is due, and one more look. */
const SICK = 10_000 / INTERVAL + 2;

describe("verdict: what a round shows about a server", () => {
  const { Refused, Unreachable, Silent, Late, Status, Other, Unasked } = Cause;
  const { Lives, Gone, Unknown } = Host;
  for (const [causes, host, pinged, sign] of [
    [["ok"], Lives, true, Sign.Answers],
    [["ok", Refused], Lives, true, Sign.Answers],
    [[Status], Lives, true, Sign.Answers],
    [[Refused, Status], Gone, true, Sign.Answers],
    [[Other], Host.Silent, true, Sign.Answers],
    [[Refused, Refused], Lives, true, Sign.Dead],
    [[Refused], Unknown, false, Sign.Dead],
    [[Silent], Lives, true, Sign.Fails],
    [[Silent], Host.Silent, true, Sign.Dead],
    [[Silent], Host.Silent, false, Sign.Fails],
    [[Silent], Gone, false, Sign.Dead],
    [[Silent], Unknown, true, Sign.Fails],
    [[Unreachable], Lives, true, Sign.Fails],
    [[Unreachable], Gone, true, Sign.Dead],
    [[Refused, Silent], Lives, true, Sign.Fails],
    [[Refused, Silent], Host.Silent, true, Sign.Dead],
    [[Late], Lives, true, Sign.Fails],
    [[Late], Gone, true, Sign.Fails],
    [[Refused, Late], Lives, true, Sign.Fails],
    [[Unasked], Gone, true, undefined],
    [[Unasked, Refused], Lives, true, Sign.Dead],
    [[], Gone, true, undefined],
  ] as [(Cause | "ok")[], Host, boolean, Sign | undefined][]) {
    it(`${causes.join(" and ") || "nothing"}, its machine ${host}${pinged ? "" : ", which never answered a ping"}: ${sign}`, () => {
      const asked = causes.map((cause) => (cause === "ok" ? { ok: true } : { ok: false, cause }));
      assert.equal(signOf(asked, host, pinged), sign);
    });
  }

  it("a verdict takes several rounds", () => {
    for (const [falls, sure, verdict] of [
      [0, 0, Verdict.Well],
      [2, 2, Verdict.Stumbles],
      [3, 3, Verdict.Dead],
      [3, 0, Verdict.Sick],
      // Cut off in the middle of a round.
      [3, 2, Verdict.Stumbles],
      [4, 3, Verdict.Dead],
      [5, 2, Verdict.Sick],
      [9, 0, Verdict.Sick],
      [9, 3, Verdict.Dead],
    ] as [number, number, Verdict][])
      assert.equal(verdictOf({ falls, sure }, 3), verdict, `${falls} ${sure}`);
    assert.deepEqual([1, 2, 3, 4, 5].map(LIMITS.minActive), [1, 1, 2, 2, 3]);
  });
});

describe("watch: slow is not dead", () => {
  const PAUSE = times(4, "++~+");
  const rows: [string, () => Watched, string[], string[][]][] = [
    [
      "a pause of 2 s is no flip",
      () => new Watched().rounds("++++", ...PAUSE, ...times(40, "++++")),
      ["sick web3", "well web3"],
      [],
    ],
    [
      "nor are many of them, one server after the other",
      () =>
        new Watched().rounds(
          ...Array.from({ length: 12 }, (_, i) => [
            ...times(5, ["~+++", "+~++", "++~+", "+++~"][i % 4]),
            ...times(30, "++++"),
          ]).flat(),
        ),
      Array.from({ length: 12 }, (_, i) => [`sick web${(i % 4) + 1}`, `well web${(i % 4) + 1}`]).flat(),
      [],
    ],
    [
      "an Apache that is stopped, its backlog full, gives no SYN-ACK: sick, not dead",
      () => new Watched().rounds("++++", ...times(9, "++s+")),
      ["sick web3"],
      [],
    ],
    [
      "sick for 10 s while others answer at once: set down",
      () => new Watched().rounds("++++", ...times(SICK, "++~+")),
      ["sick web3", "flip web3"],
      [["web3"]],
    ],
    [
      "sick for 10 s, and one more look shows it well",
      () => new Watched().rounds("++++", ...times(SICK - 1, "++s+"), ...times(9, "++++")),
      ["sick web3", "well web3"],
      [],
    ],
    [
      "others do not answer at once: said once, and nothing is done",
      () => new Watched().rounds("++++", ...times(SICK + 20, "ll~l")),
      ["late web1", "late web2", "sick web3", "late web4", "minimum web3"].sort(),
      [],
    ],
    [
      "fewer than half of all would be left",
      () => new Watched().rounds("++++", ...times(SICK + 20, "~~~+")),
      ["sick web1", "sick web2", "sick web3", "minimum web1"],
      [],
    ],
    [
      "with --min-active 1 one is enough",
      () => new Watched(policy({ minActive: 1 })).rounds("++++", ...times(SICK, "~~~+")),
      ["sick web1", "sick web2", "sick web3", "flip web1"],
      [["web1"]],
    ],
    [
      "the dead need one that answers, however late or odd",
      () => new Watched().rounds("++++", ...times(3, "x-xl")),
      ["dead web1", "dead web2", "dead web3", "late web4", "flip web1,web2,web3"],
      [["web1", "web2", "web3"]],
    ],
    [
      "refused is dead, whatever its machine says",
      () => new Watched().rounds("++++", ...times(3, "+x++")),
      ["dead web2", "flip web2"],
      [["web2"]],
    ],
    [
      "cut off in the middle of a round, which still shows its machine alive: dead, and not sick first",
      () => new Watched().rounds("++++", "++s+", ...times(3, "++-+")),
      ["dead web3", "flip web3"],
      [["web3"]],
    ],
    [
      "slow, then refused: dead after as many rounds of that",
      () => new Watched().rounds("++++", ...times(4, "+~++"), "+x++", "+x++", "+~++", ...times(3, "+x++")),
      ["sick web2", "dead web2", "flip web2"],
      [["web2"]],
    ],
    [
      "a dead one does not wait for a sick one",
      () => new Watched().rounds("++++", ...times(5, "++~+"), ...times(3, "+x~+")),
      ["sick web3", "dead web2", "flip web2"],
      [["web2"]],
    ],
    [
      "a redirect is an answer, of one or of all, and is said once",
      () => new Watched().rounds("++++", ...times(9, "+3++"), ...times(40, "3333"), ...times(9, "++++")),
      [
        ...["odd web2", "odd web1", "odd web3", "odd web4"],
        ...["well web1", "well web2", "well web3", "well web4"],
      ],
      [],
    ],
    [
      "and one that is dead beside them is set down",
      () => new Watched().rounds(...times(5, "3333"), ...times(3, "33-3")),
      ["odd web1", "odd web2", "odd web3", "odd web4", "dead web3", "flip web3"],
      [["web3"]],
    ],
    [
      "what the router could not ask counts against no server",
      () => new Watched().rounds("++++", ...times(9, "+?++"), ...times(9, "????")),
      [],
      [],
    ],
    [
      "late answers are logged once in an episode",
      () =>
        new Watched().rounds(
          ...times(9, "+l++"),
          ...times(5, "++++"),
          ...times(9, "+l++"),
          ...times(25, "++++"),
          ...times(3, "+l++"),
        ),
      ["late web2", "late web2"],
      [],
    ],
    [
      "dry run: said once",
      () => new Watched(policy({ dryRun: true })).rounds("++++", ...times(SICK + 20, "++~+")),
      ["sick web3", "would-flip web3"],
      [],
    ],
  ];
  for (const [name, life, words, flips] of rows) {
    it(name, () => {
      const watched = life();
      const said = name.startsWith("others do not") ? watched.words.sort() : watched.words;
      assert.deepEqual(said, words);
      assert.deepEqual(watched.flips, flips);
    });
  }

  it("one of two sick servers is set down within the window, and the limit is logged once", () => {
    const watched = new Watched(policy({ sickWindow: 60_000, minActive: 1 }));
    watched
      .rounds("++++", ...times(SICK, "+~~+"))
      .flipped(Result.Done, "moved", "active", "down", "active", "active");
    assert.deepEqual(
      savedOf(watched.state).flips.map(({ server, sick }) => [server, sick]),
      [["web2", true]],
    );
    watched.rounds(...times(90, "+~~+"));
    assert.deepEqual(watched.words.slice(-2), ["flipped web2", "limit web3"]);
    assert.match(
      watched.lines.at(-1)!.text,
      /1 sick server was set down within 1 min.*loopback-ha down web3$/,
    );
    // A dead one is none of these.
    watched.rounds(...times(3, "x~~+"));
    assert.deepEqual(watched.flips, [["web2"], ["web1"]]);
    watched.flipped(Result.Done, "moved", "down", "down", "active", "active");
    watched.rounds(...times(60_000 / INTERVAL, "  ~+"));
    assert.deepEqual(watched.flips.at(-1), ["web3"]);
  });

  it("a dead server's traffic can only go to a sick one: after a failed attempt the sick one is set down, too, if it is sick for long", () => {
    const watched = new Watched()
      .rounds("++++", ...times(3, "~x++"))
      .flipped(Result.Failed, "web1 does not answer");
    assert.deepEqual(watched.flips, [["web2"]]);
    while (watched.flips.length < 2) watched.rounds("~x++");
    assert.deepEqual(watched.flips[1], ["web2"], "sick for too short a time");
    watched.wait(9000).flipped(Result.Failed, "web1 does not answer");
    while (watched.flips.length < 3) watched.rounds("~x++");
    assert.deepEqual(watched.flips[2], ["web2", "web1"]);
    watched.flipped(Result.Done, "moved", "down", "down", "active", "active");
    assert.deepEqual(
      watched.state.flips.map(({ server, sick = false }) => [server, sick]),
      [
        ["web2", false],
        ["web1", true],
      ],
    );
  });

  it("a restarted watcher remembers the limit", () => {
    const watched = new Watched();
    watched
      .rounds("++++", ...times(SICK, "+~++"))
      .flipped(Result.Done, "moved", "active", "down", "active", "active");
    const states = servers("active", "down", "active", "active");
    const again = new Watched(policy(), states, ["r1"], savedOf(watched.state));
    again.rounds(...times(SICK, "+ ~+"));
    assert.deepEqual(again.words, ["sick web3", "limit web3"]);
  });

  it("a silent machine is dead only if it has answered a ping before", () => {
    for (const [before, words] of [
      [Host.Silent, ["sick web2"]],
      [Host.Unknown, ["sick web2"]],
      [Host.Lives, ["dead web2", "flip web2"]],
    ] as [Host, string[]][]) {
      const watched = new Watched();
      const round = (picture: string, host: Host): void => {
        watched.at += INTERVAL;
        const rest = ["web1", "web3", "web4"].map((name): [string, Host] => [name, Host.Lives]);
        watched.round("r1", picture, undefined, { hosts: new Map([["web2", host], ...rest]) });
      };
      round("++++", before);
      for (let i = 0; i < 3; i++) round("+-++", Host.Silent);
      assert.deepEqual(watched.words, words, before);
    }
  });

  it("it says why no server answers, as far as it is known", () => {
    for (const [picture, count, reason] of [
      ["xxxx", 0, /^every active server refuses r1's connections: all of their web servers have stopped/],
      [
        "----",
        0,
        /, not even to a ping: the router's link to them is a likelier cause than all of them at once/,
      ],
      ["ssss", 0, /, but their machines are alive: their services hang or are overloaded, or a firewall/],
      ["~~~~", 0, /, but their machines are alive/],
      ["x~s-", 0, /, but their machines are alive/],
      [
        "----",
        9995,
        /, and its conntrack table is full \(9995 of 10000\): the kernel drops new connections, including those to the router itself/,
      ],
      ["----", 9000, /the router's link/],
    ] as [string, number, RegExp][]) {
      const watched = new Watched();
      for (let i = 0; i < 5; i++) {
        watched.at += INTERVAL;
        watched.round("r1", picture, undefined, { tracked: { count, max: 10_000 } });
      }
      const lines = watched.lines.filter(({ event }) => event === "no-answers");
      assert.equal(lines.length, 1, picture);
      assert.match(lines[0].text, reason);
      assert.match(lines[0].text, /so the watcher does nothing until one answers$/);
      assert.equal(/the router's link/.test(lines[0].text), reason.source.includes("the router's link"));
    }
  });

  it("the fill level of the connection table is logged at 80 %, when it is full, and when there is room again (H1)", () => {
    const watched = new Watched();
    for (const percent of [10, 79, 80, 85, 79, 81, 99, 100, 99, 98, 81, 72, 85, 69, 75, 10, 0]) {
      watched.at += INTERVAL;
      watched.round("r1", "++++", undefined, { tracked: { count: percent * 100, max: 10_000 } });
    }
    for (const tracked of [undefined, { count: 5, max: 0 }, undefined]) {
      watched.at += INTERVAL;
      watched.round("r1", "++++", undefined, { tracked });
    }
    assert.deepEqual(
      watched.lines.map(({ event, text }) => [event, /(\d+) % full/.exec(text)![1]]),
      [
        ["conntrack", "80"],
        ["conntrack", "99"],
        ["conntrack", "69"],
      ],
    );
    assert.match(
      watched.lines[0].text,
      /once it is full, the kernel drops new connections, including those to the router itself\. Raise net\.netfilter\.nf_conntrack_max to at least 20000/,
    );
    assert.match(
      watched.lines[1].text,
      /: the kernel drops new connections, including those to the router itself/,
    );
    assert.match(watched.lines[2].text, /there is room again$/);
  });

  it("a router that sends something else each round can't fill the log: ten lines a minute (M5)", () => {
    const watched = new Watched();
    const minutes = 3;
    const rounds = (minutes * 60_000) / INTERVAL;
    for (let round = 0; round < rounds; round++) {
      watched.at += INTERVAL;
      const tracked = { count: round % 2 ? 100 : 10, max: 100 };
      watched.round("r1", "++++", undefined, { troubles: [`chain c${round} drops all`], tracked });
    }
    const before = watched.lines.length;
    assert.ok(before >= 10 && before <= 10 * minutes, `${before} lines`);
    // What holds at the end is told, later.
    for (let round = 0; round < rounds; round++) {
      watched.at += INTERVAL;
      watched.round("r1", "++++", undefined, { troubles: ["chain last drops all"] });
    }
    const after = watched.lines.slice(before).map(({ text }) => text);
    assert.deepEqual(after, [
      "visitors don't get through r1, even though servers may answer the router itself: chain last drops all",
    ]);
  });

  it("a router that does not forward visitors is logged once, and when that is over (forward policy drop)", () => {
    const watched = new Watched();
    const [closed, lost] = ["chain f of table inet fw drops all", "a new connection does not get through"];
    for (const troubles of [undefined, [], [closed], [closed], undefined, [closed, lost], [lost], [], []]) {
      watched.at += INTERVAL;
      watched.round("r1", "++++", undefined, { troubles });
    }
    assert.deepEqual(
      watched.lines.map(({ event, text }) => [event, text]),
      [
        [
          "closed",
          `visitors don't get through r1, even though servers may answer the router itself: ${closed}`,
        ],
        [
          "closed",
          `visitors don't get through r1, even though servers may answer the router itself: ${lost}`,
        ],
        ["open", "r1 lets visitors through again"],
      ],
    );
    assert.deepEqual(parseHealth([["trouble", "a"], ["trouble"], ["trouble", "b"]]).troubles, ["a", "b"]);
    assert.deepEqual([parseHealth([["trouble"]]).troubles, parseHealth([]).troubles], [[], undefined]);
  });

  it("a router with scripts of an older version is logged once", () => {
    const watched = new Watched();
    for (const hosts of [undefined, undefined, new Map([["web1", Host.Lives]]), undefined]) {
      watched.at += INTERVAL;
      watched.round("r1", "++++", undefined, { hosts });
    }
    assert.deepEqual(watched.words, ["older r1", "older r1"]);
  });
});
