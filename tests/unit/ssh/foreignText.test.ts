import assert from "assert";
import fc from "fast-check";
import * as fs from "fs";
import * as path from "path";
import { printable, printableLines, withoutSequences } from "../../../components/host/foreignText.cjs";
import { observe, parseObservation } from "../../../components/host/observe";
import { askInstalled, followInstalled } from "../../../components/host/installed";
import { explainSshFailure } from "../../../components/host/sshFailure.cjs";
import { plain } from "../../../components/routerRoute/cli/screen.cjs";
import { asObject, render } from "../../../cli/watch/log";
import { lookOverSsh } from "../../../components/host/observe";
import { Ended, FalseSsh, HOST } from "./support";

/** What a terminal would act on, or a reader would see turned. */
const STEERS = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const ATTACKS = [
  "\x1b[2J\x1b[1;1H", // CSI
  "\x1b]0;owned\x07", // the title
  "\x1b]52;c;cm0gLXJmIH4=\x07", // the clipboard
  "\x1b]8;;http://x.example/\x1b\\here\x1b]8;;\x1b\\",
  "\x1bc", // reset
  "\x1bP+q\x1b\\",
  "\x9b2J",
  "\x9d0;owned\x9c",
  "\x90q\x9c",
  "\u202egnp.exe", // turned
  "\u2066a\u2069",
  "\u200b\ufeff",
  "\u2028",
  "a\rb\b\b\x7f\0\v\f",
];
const nasty = fc
  .array(fc.oneof(fc.constantFrom(...ATTACKS), fc.string({ unit: "binary", maxLength: 8 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(""));

describe("foreign text on its way to a terminal, a log or a hook (M5)", () => {
  const at = new Date(0);
  const line = (text: string) => ({ event: "dead" as const, fields: { server: "web1", reason: text }, text });
  const values = (text: string): string[] => Object.values(asObject(line(text), at)).map(String);
  const ways: Record<string, (text: string) => string | string[]> = {
    "a line": printable,
    "a text of lines": printableLines,
    "a router's terminal": (text) => plain(text),
    "without sequences": (text) => withoutSequences(text).replace(/[\r\b]/g, ""),
    "what ssh says": (text) =>
      ["", "Permission denied ", "timed out ", "Could not resolve hostname "].map((before) =>
        explainSshFailure("web1", `${before}${text}`),
      ),
    "what a look finds": (text) =>
      Object.values(
        parseObservation(`i\tdrift\t${text}\n-\tgateway\t${text}\n-\tnow\t1\n`).instances,
      ).flatMap((files) => Object.values(files).flat()),
    "a line of the watcher's log": (text) => render(line(text), at, false),
    "the same as JSON": (text) => render(line(text), at, true),
    "what a hook gets": values,
  };
  for (const [way, shown] of Object.entries(ways)) {
    it(`controls no terminal: ${way}`, () => {
      for (const attack of ATTACKS)
        for (const text of [shown(`x${attack}y`)].flat()) assert.doesNotMatch(text, STEERS);
      fc.assert(fc.property(nasty, (text) => [shown(text)].flat().every((said) => !STEERS.test(said))));
    });
  }

  it("controls no terminal: why a look failed", async () => {
    for (const attack of ATTACKS) {
      const found = await observe([HOST], () => Promise.reject(new Error(attack)));
      assert.doesNotMatch(found.get("web1")!.failure!, STEERS);
    }
  });

  it("keeps what a reader can see", () => {
    const text = "Zürich ä 漢字 \u{1f600}\tx";
    assert.strictEqual(printable(text), text);
    assert.strictEqual(printableLines("a\r\nb\n"), "a\nb\n");
    assert.strictEqual(plain("\x1b[1mr1\x1b[0m\x1b]0;t\x07#\x1bc"), "r1#");
  });
});

describe("a machine that answers with control characters (M5) (slow)", () => {
  const bytes = ATTACKS.join(" ");
  const said = `printf %s ${JSON.stringify(Buffer.from(bytes).toString("base64"))} | base64 -d`;
  const ways: Record<string, (ssh: FalseSsh) => Promise<Ended | string>> = {
    deliver: (ssh) => ssh.deliver(),
    remove: (ssh) => ssh.removeOverSsh(),
    "IOS deliver": (ssh) => ssh.deliverIos(),
    "IOS remove": (ssh) => ssh.removeIos(),
    look: (ssh) => ssh.within(() => lookOverSsh(HOST).catch((error: Error) => error.message)),
    ask: (ssh) =>
      ssh.within(() =>
        askInstalled({ host: HOST, instance: "i", script: "health.sh" }, 5).then(
          String,
          (error: Error) => error.message,
        ),
      ),
    follow: (ssh) =>
      ssh.within(async () => {
        const rounds: string[] = [];
        const script = { host: HOST, instance: "i", script: "health.sh" };
        const ended = await followInstalled(script, (round) => rounds.push(...round.flat())).ended;
        return [...rounds, ended].join(" ");
      }),
  };
  for (const [way, run] of Object.entries(ways))
    for (const code of [0, 1, 255])
      it(`controls no terminal: ${way}, ended with ${code}`, async () => {
        // On stdout and on stderr, and as a round.
        const ssh = new FalseSsh(`${said}; ${said} >&2; printf '\\nend\\n'; exit ${code}`);
        try {
          const ended = await run(ssh);
          const text = typeof ended === "string" ? ended : ended.stdout + ended.stderr;
          if (way !== "look" || code !== 0) assert.doesNotMatch(text, STEERS);
        } finally {
          ssh.remove();
        }
      });
});

describe("a machine that sends without end, or does not close (slow)", () => {
  const round = (reply: string): Promise<{ ended?: string; lines: number }> => {
    const ssh = new FalseSsh(reply);
    return ssh
      .within(async () => {
        let lines = 0;
        const script = { host: HOST, instance: "i", script: "health.sh" };
        const ended = await followInstalled(script, (found) => (lines += found.length)).ended;
        return { ended, lines };
      })
      .finally(() => ssh.remove());
  };
  for (const [what, reply] of [
    ["lines", "exec yes"],
    ["one line", "exec tr '\\0' x </dev/zero"],
    ["a long line", "head -c 5000 /dev/zero | tr '\\0' x; echo; echo end; exec sleep 60"],
  ])
    it(`ends an endless round: ${what} (L4)`, async () => {
      const before = process.memoryUsage().rss;
      const { ended, lines } = await round(reply);
      assert.match(ended!, /^web1 sends more than the allowed 10000 lines/);
      assert.strictEqual(lines, 0);
      assert.ok(process.memoryUsage().rss - before < 100 << 20);
    });

  it("accepts a round of 10,000 lines", async () => {
    const { lines } = await round("yes | head -n 10000; echo end; sleep 0.5; exit 255");
    assert.strictEqual(lines, 10_000);
  });

  // It says so at once, and all later connections end without a word.
  const holding = `case "$*" in *' bash -s loopback-ha '*) echo LOOPBACK-HA-CONFIRM 9999999 ;; *) exit 255 ;; esac`;
  const timed = async (want: Record<string, string>): Promise<Ended> => {
    const ssh = new FalseSsh(holding);
    try {
      return await ssh.deliver({}, want, "routerRoute");
    } finally {
      ssh.remove();
    }
  };
  it("refuses an unexpected confirmation at once (M6)", async () => {
    for (const want of [{}, { settings: "confirm_seconds=0\n" }]) {
      const { code, stderr, seconds } = await timed(want as Record<string, string>);
      assert.strictEqual(code, 1);
      assert.match(stderr, /^web1 asks for a confirmation that this change does not use/);
      assert.ok(seconds < 15);
    }
  });
  it("gives a confirmation the time that the config says, whatever the machine does (M6)", async () => {
    const { code, stderr, seconds } = await timed({ settings: "confirm_seconds=1\n" });
    assert.strictEqual(code, 1);
    assert.match(stderr, /no new connection could confirm it/);
    assert.ok(seconds < 20);
  });

  it("can't fill the memory (M6)", async () => {
    const ssh = new FalseSsh(
      "head -c 50000000 /dev/zero | tr '\\0' x; head -c 50000000 /dev/zero | tr '\\0' y >&2; exit 1",
    );
    try {
      const { code, stdout, stderr } = await ssh.deliver({ NODE_OPTIONS: "--max-old-space-size=40" });
      assert.strictEqual(code, 1);
      assert.ok(stdout.length <= 20_000 && stderr.length <= 20_000);
    } finally {
      ssh.remove();
    }
  });

  it("ends a delete when ssh is silent, and leaves no process (M7)", async () => {
    const ssh = new FalseSsh('echo $$ >"$dir/pid"; exec sleep 300');
    try {
      const { code, stderr, seconds } = await ssh.removeOverSsh({}, (text) =>
        text.replace("-lt 140", "-lt 2"),
      );
      assert.strictEqual(code, 0);
      assert.match(stderr, /^warning: web1 does not answer, so farm\.prod\.web-web1\.vips stays on it/);
      assert.ok(seconds < 20);
      const pid = Number(fs.readFileSync(path.join(ssh.folder, "pid"), "utf8"));
      assert.throws(() => process.kill(pid, 0), /ESRCH/);
    } finally {
      ssh.remove();
    }
  });
  for (const [reply, code, expected] of [
    ["exit 0", 0, /^$/],
    ["exit 255", 0, /^warning: web1 does not answer/],
    ["echo 'ssh: connect to host 192.0.2.2 port 22: Connection refused' >&2; exit 255", 0, /^warning: web1/],
    [
      "echo 'root@192.0.2.2: Permission denied (publickey).' >&2; exit 255",
      1,
      /^web1: \s*root@192.0.2.2: Permission denied/,
    ],
    [
      "echo 'another run is still at work here' >&2; exit 1",
      1,
      /^web1: \s*another run is still at work here\s*$/,
    ],
    ["yes x | head -c 9000000 >&2; echo last >&2; exit 1", 1, /last\s*$/],
  ] as const)
    it(`a delete where ssh does ${reply.slice(0, 60)}`, async () => {
      const ssh = new FalseSsh(reply);
      try {
        const ended = await ssh.removeOverSsh();
        assert.strictEqual(ended.code, code, ended.stderr);
        assert.match(ended.stderr, expected);
        assert.ok(ended.stderr.length < 10_000);
      } finally {
        ssh.remove();
      }
    });
});
