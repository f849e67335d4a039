/** Of the servers that one run changes one goes first, and the others wait until it answers (ADR 25). */
import assert from "assert";
import { execFile, execFileSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import fc from "fast-check";
import { Member, PATIENCE, TURN_SECONDS, decide } from "../../components/host/turns.cjs";
import { FalseSsh } from "./ssh/support";

const HOST_FOLDER = path.join(__dirname, "../../components/host");

const member = (pid: number, rest: Partial<Member> = {}): Member => ({
  pid,
  machine: `web${pid}`,
  rank: pid,
  phase: "ready",
  serves: true,
  tried: true,
  lost: false,
  alive: true,
  after: "",
  ...rest,
});

describe("the order of a run's servers (slow)", () => {
  const me = member(2);
  type Row = [string, Member[], number | undefined, number, string | RegExp, Partial<Member>?];
  const rows: Row[] = [
    ["alone", [], undefined, 0, "lead"],
    ["one that carries more is ready, too", [member(3)], undefined, 0, "lead"],
    ["one that carries less is ready, too", [member(1)], undefined, 60_000, "wait"],
    ["one that carries less still looks", [member(1, { phase: "trying" })], undefined, 0, "wait"],
    ["one that carries less looks for long", [member(1, { phase: "trying" })], undefined, PATIENCE, "lead"],
    ["one that carries less has died", [member(1, { alive: false })], undefined, 0, "lead"],
    ["one that carries less has nothing to do", [member(1, { phase: "out" })], undefined, 0, "lead"],
    ["the Apache of one that carries less is down", [member(1, { serves: false })], undefined, 0, "lead"],
    [
      "one that such a change has ended is there, too",
      [member(3, { lost: true, serves: false })],
      undefined,
      0,
      "wait",
    ],
    ["the first may begin", [member(3, { phase: "leads" })], 3, 0, "wait"],
    ["the first has begun", [member(3, { phase: "begun" })], 3, 0, "wait"],
    ["the first answers", [member(3, { phase: "applied" })], 3, 0, "go"],
    ["the first answers and has ended", [member(3, { phase: "applied", alive: false })], 3, 0, "go"],
    ["the first was out before it began", [member(3, { phase: "out", alive: false })], 3, 0, "lead"],
    [
      "the first has failed",
      [member(3, { phase: "failed" })],
      3,
      0,
      /^web3 got this change first .*failed.*run 'pulumi up' again\. A run without web3.* moves its traffic, and skips this change/,
    ],
    [
      "the first was killed",
      [member(3, { phase: "begun", alive: false })],
      3,
      0,
      /^web3 .*ended before it was known/,
    ],
    [
      "the first was killed before it said that it has begun",
      [member(3, { phase: "leads", alive: false })],
      3,
      0,
      /^web3 .*ended before it was known/,
    ],
    ["untried, the first answers", [member(3, { phase: "applied" })], 3, 0, "lead", { tried: false }],
    [
      "untried, the first answers, and one that is untried, too, carries less",
      [member(3, { phase: "applied" }), member(1, { tried: false })],
      3,
      0,
      "wait",
      { tried: false },
    ],
    ...(
      [
        [
          "which is down",
          [],
          0,
          false,
          /^an earlier run tried this change on web9, which failed; web9 is not part of this run.*on web2 has changed.*LOOPBACK_HA_FORCE_CHANGE=1/,
        ],
        ["which is not there yet, as far as anybody knows", [], 0, undefined, "wait"],
        [
          "which is not there, as far as anybody knows",
          [],
          PATIENCE,
          undefined,
          /^an earlier run .*web9 is not part of this run/,
        ],
        ["which may come", [], 0, true, "wait"],
        ["which has nothing to do: it has it in force", [], PATIENCE, true, "lead"],
        ["which looks", [{ phase: "trying" }], 0, true, "wait"],
        ["which is ready, and carries more", [{ phase: "ready" }], 60_000, true, "wait"],
        ["which leads", [{ phase: "begun" }], 0, true, "wait"],
        ["which answers", [{ phase: "applied" }], 0, true, "go"],
        [
          "which can't be reached",
          [{ phase: "out", alive: false }],
          0,
          true,
          /^an earlier run .*web9 was not given it in this run/,
        ],
        [
          "which was killed while it looked",
          [{ phase: "trying", alive: false }],
          0,
          true,
          /was not given it/,
        ],
      ] as [string, Partial<Member>[], number, boolean | undefined, string | RegExp][]
    ).map(([what, ones, waited, hasAfter, expected]): Row => [
      `it has cost another one before, ${what}`,
      ones.map((rest) => member(9, rest)),
      ones.some(({ phase }) => phase === "begun" || phase === "applied") ? 9 : undefined,
      waited,
      expected,
      { after: "web9", hasAfter },
    ]),
    [
      "it has cost another one before, and one where that is corrected answers",
      [member(3, { phase: "applied" })],
      3,
      0,
      /^an earlier run tried this change on web9/,
      { after: "web9", hasAfter: false },
    ],
    [
      "one that waits for us to show that it is corrected",
      [member(1, { after: "web2" })],
      undefined,
      0,
      "lead",
    ],
    [
      "the first takes too long",
      [member(3, { phase: "begun" })],
      3,
      TURN_SECONDS * 1000 + 1,
      /^web3.*not finished within 150 s/,
    ],
  ];
  for (const [what, others, first, waited, expected, mine] of rows) {
    it(what, () => {
      const leaders = first === undefined ? [] : [first];
      const one = { ...me, ...mine };
      const found = decide(one, [...others, one], leaders, waited);
      if (typeof expected === "string") return assert.equal(found, expected);
      assert.match(typeof found === "string" ? found : found.refusal, expected);
    });
  }

  it("puts no two servers at risk at once, whatever the order, and starts none after a loss", () => {
    const start = fc.record({
      rank: fc.nat(3),
      serves: fc.boolean(),
      tried: fc.boolean(),
      lost: fc.boolean(),
      end: fc.constantFrom("applied", "failed", "out", "killed"),
    });
    const run = fc.tuple(fc.array(start, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(5)));
    fc.assert(
      fc.property(run, ([starts, steps]) => {
        const members = starts.map(({ rank, serves, tried, lost }, pid) =>
          member(pid, { rank, serves, tried, lost, phase: "trying" }),
        );
        const at = new Array<string>(members.length).fill("looking");
        const leaders: number[] = [];
        let isLost = false;
        let isApplied = false;
        const step = (n: number): void => {
          const one = members[n];
          if (at[n] === "looking") {
            one.phase = "ready";
            at[n] = "waiting";
          } else if (at[n] === "waiting") {
            const found = decide(one, members, leaders, 0);
            if (found === "wait") return;
            if (typeof found === "object") {
              one.phase = "out";
              at[n] = "over";
            } else if (found === "lead") {
              assert.ok(!isLost && !(isApplied && one.tried));
              assert.ok(!members.some(({ phase }) => /leads|begun/.test(phase)));
              leaders.push(n);
              one.phase = "leads";
              at[n] = "leading";
            } else {
              assert.ok(isApplied && !isLost && one.tried);
              one.phase = "follows";
              at[n] = "over";
            }
          } else if (at[n] === "leading") {
            const { end } = starts[n];
            if (end === "killed") one.alive = false;
            else one.phase = end;
            isLost ||= end === "failed" || end === "killed";
            isApplied ||= end === "applied";
            at[n] = "over";
          }
        };
        for (const n of steps) if (n < members.length) step(n);
        // To the end: nobody waits for ever.
        for (let round = 0; round < 4 * members.length; round++) members.forEach((_, n) => step(n));
        assert.deepEqual(new Set(at), new Set(["over"]));
      }),
    );
  });
});

/** A machine: what it does with a turn, by its name. */
const MACHINE = `
case "$*" in *' bash -s loopback-ha '*) ;; *) exit 0 ;; esac
name=$(tr '\\0' '\\n' <"$done/words" | sed -n 's/.*@//p' | head -n 1)
. "$dir/is.$name"
# Until all commands are there, as the look into a real machine takes long enough.
: >"$dir/there.$name"
until (($(ls "$dir"/there.* | wc -l) >= $(<"$dir/count"))); do sleep 0.05; done
sleep "\${late:-0}"
[[ ! $broken ]] || { echo "$name: broken before" >&2; exit 1; }
echo "LOOPBACK-HA-READY \${serves:-1} \${tried:-1} \${lost:-0} \${after:--}"
answer=$(grep -a -m1 -o 'LOOPBACK-HA-\\(GO\\|STAY.*\\)')
echo "$name $answer" >>"$dir/log"
[[ $answer = LOOPBACK-HA-GO ]] || exit 1
[[ ! $full ]] || { echo "$name: disk full" >&2; exit 1; }
echo LOOPBACK-HA-BEGUN
sleep 0.4
[[ ! $dies ]] || exit 255
[[ ! $fails ]] || { echo "$name: Apache ended" >&2; exit 1; }
echo "$name applied" >>"$dir/log"
echo LOOPBACK-HA-APPLIED
cat >/dev/null`;

describe("the commands of one run (slow)", () => {
  let ssh: FalseSsh;
  beforeEach(() => (ssh = new FalseSsh(MACHINE)));
  afterEach(() => ssh.remove());

  /** Runs a command for each machine as an engine does, whose program has announced this order. */
  const run = async (
    machines: Record<string, string>,
    order: string[],
    environment: Record<string, string> = {},
  ): Promise<{ log: string[]; codes: string; said: string }> => {
    const file = (name: string): string => path.join(ssh.folder, name);
    for (const [name, is] of Object.entries(machines))
      fs.writeFileSync(
        file(`is.${name}`),
        `serves= tried= lost= after= late= broken= full= dies= fails=\n${is}`,
      );
    for (const name of fs.readdirSync(ssh.folder)) if (name.startsWith("there.")) fs.rmSync(file(name));
    fs.writeFileSync(file("log"), "");
    fs.writeFileSync(file("count"), String(Object.keys(machines).length));
    for (const name of ["pulumi", "pulumi-resource-x"])
      if (!fs.existsSync(file(name))) fs.symlinkSync("/bin/bash", file(name));
    fs.writeFileSync(
      file("command.sh"),
      `export LOOPBACK_HA_MACHINE=$1 LOOPBACK_HA_ADDRESS=$1 LOOPBACK_HA_SSH="ops@$1"
node ${HOST_FOLDER}/deliver.cjs <<<'{"want":{}}' >${file("out")}.$1 2>&1
echo "$1 $?" >>${file("codes")}`,
    );
    // Each a program of its own: the provider is known by its name.
    const deliver = Object.keys(machines).map((name) => `bash ${file("command.sh")} ${name} &`);
    fs.writeFileSync(file("provider.sh"), `${deliver.join("\n")}\nwait\n`);
    fs.writeFileSync(
      file("engine.sh"),
      `node -e 'require("${HOST_FOLDER}/turns.cjs").announceOrder(${JSON.stringify(order)})'
${file("pulumi-resource-x")} ${file("provider.sh")}
true`,
    );
    fs.writeFileSync(file("codes"), "");
    const env = {
      ...process.env,
      ...ssh.environment({
        LOOPBACK_HA_ROLE: "vhosts",
        LOOPBACK_HA_ONE_FIRST: "1",
        LOOPBACK_HA_SCRIPTS: path.join(HOST_FOLDER, "../webServerPool"),
      }),
      PATH: ssh.path,
      ...environment,
    };
    await new Promise<void>((resolve, reject) =>
      execFile(file("pulumi"), [file("engine.sh")], { env }, (error) => (error ? reject(error) : resolve())),
    );
    const read = (name: string): string => fs.readFileSync(file(name), "utf8");
    return {
      log: read("log").trim().split("\n"),
      codes: read("codes").trim().split("\n").sort().join(" "),
      said: Object.keys(machines)
        .map((name) => read(`out.${name}`))
        .join(""),
    };
  };
  const GO = "LOOPBACK-HA-GO";
  /** For who is late and still counts: on a busy machine a process may take seconds to begin. */
  const patient = (): Record<string, string> => {
    const file = path.join(ssh.folder, "patient.cjs");
    fs.writeFileSync(file, `require("${HOST_FOLDER}/turns.cjs").limits.patience = 60_000;\n`);
    return { NODE_OPTIONS: `-r ${file}` };
  };

  it("change the first server in order, and the others together when it answers", async () => {
    const { log, codes } = await run(
      { web1: "", web2: "late=0.2", web3: "" },
      ["web2", "web1", "web3"],
      patient(),
    );
    assert.deepEqual(log.slice(0, 2), [`web2 ${GO}`, "web2 applied"]);
    assert.deepEqual(log.slice(2, 4).sort(), [`web1 ${GO}`, `web3 ${GO}`]);
    assert.equal(codes, "web1 0 web2 0 web3 0");
  });

  for (const [what, is] of [
    ["ends its Apache", "fails=1"],
    ["is heard of no more", "dies=1"],
  ]) {
    it(`leave the others untouched when the first ${what}, and say so`, async () => {
      const { log, codes, said } = await run(
        { web1: is, web2: "", web3: "late=1" },
        ["web1", "web2"],
        patient(),
      );
      // Which they note down.
      const STAY = "LOOPBACK-HA-STAY web1";
      assert.deepEqual(log.slice(0, 1), [`web1 ${GO}`], log.join());
      assert.deepEqual(log.sort(), [`web1 ${GO}`, `web2 ${STAY}`, `web3 ${STAY}`]);
      assert.equal(codes, "web1 1 web2 1 web3 1");
      for (const server of ["web2", "web3"])
        assert.match(said, new RegExp(`${server}: untouched\\. web1 got this change first and failed`));
    });
  }

  it("start a second run with the server that the first has lost, and so lose no other", async () => {
    const machines = { web1: "", web2: "serves=0 lost=1 fails=1 late=0.3" };
    const { log, codes } = await run(machines, ["web2", "web1"], patient());
    assert.deepEqual(log, [`web2 ${GO}`, "web1 LOOPBACK-HA-STAY web2"]);
    assert.equal(codes, "web1 1 web2 1");
  });

  const others = { web1: "after=web2", web3: "after=web2 late=0.3" };
  it("change no server in a run without the one that this change has cost, unless the operator forces it", async () => {
    const { log, codes, said } = await run(others, ["web1", "web3"]);
    assert.deepEqual(log.sort(), ["web1 LOOPBACK-HA-STAY", "web3 LOOPBACK-HA-STAY"]);
    assert.equal(codes, "web1 1 web3 1");
    assert.match(
      said,
      /web1: untouched\. an earlier run tried this change on web2, .*\n.*web3: untouched\. an earlier run/,
    );
    const forced = await run(others, ["web1", "web3"], { LOOPBACK_HA_FORCE_CHANGE: "1" });
    assert.deepEqual(forced.log.slice(0, 3), [`web1 ${GO}`, "web1 applied", `web3 ${GO}`]);
    assert.equal(forced.codes, "web1 0 web3 0");
  });

  it("change the others in a run with it when it answers", async () => {
    const { log, codes } = await run({ ...others, web2: "late=0.5" }, ["web1", "web2", "web3"], patient());
    assert.deepEqual(log.slice(0, 2), [`web2 ${GO}`, "web2 applied"]);
    assert.equal(codes, "web1 0 web2 0 web3 0");
  });

  it("change servers that could try nothing one after the other, until one fails", async () => {
    const { log, codes } = await run(
      { web1: "tried=0", web2: "tried=0 fails=1", web3: "tried=0", web4: "" },
      ["web1", "web2", "web3", "web4"],
    );
    assert.deepEqual(
      log.filter((line) => !line.startsWith("web4")),
      [`web1 ${GO}`, "web1 applied", `web2 ${GO}`, "web3 LOOPBACK-HA-STAY web2"],
    );
    assert.equal(codes, "web1 0 web2 1 web3 1 web4 0");
  });

  for (const [what, is] of [
    ["refuses before", "broken=1"],
    ["fails before Apache reads anything", "full=1"],
  ]) {
    it(`are not held up by one that ${what}`, async () => {
      const { codes } = await run({ web1: is, web2: "", web3: "" }, ["web1", "web2", "web3"]);
      assert.equal(codes, "web1 1 web2 0 web3 0");
    });
  }

  it("do not start with a server whose Apache is down", async () => {
    const { log } = await run({ web1: "serves=0 fails=1", web2: "late=0.3" }, ["web1", "web2"], patient());
    assert.deepEqual(log.slice(0, 2), [`web2 ${GO}`, "web2 applied"]);
  });

  it("leave nothing of runs that are over", async () => {
    const place = `/tmp/loopback-ha-${os.userInfo().uid}`;
    const { codes } = await run({ web1: "" }, []);
    const [space] = /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))!;
    const dead = execFileSync("bash", ["-c", "echo $$"], { encoding: "utf8" }).trim();
    const left = path.join(place, `run.${space}.${dead}-1`);
    fs.mkdirSync(left);
    await run({ web1: "" }, []);
    assert.equal(codes, "web1 0");
    assert.ok(!fs.existsSync(left));
  });
});

describe("what a machine that has a change in force needs to hear (slow)", () => {
  const rows: [string, string, number, boolean, RegExp][] = [
    ["recorded", "LOOPBACK-HA-RECORDED\n", 0, false, /^$/],
    [
      "nothing, as no process is left to hear it",
      "",
      1,
      true,
      /^web7: the change is in force, but .*in doubt until/,
    ],
    ["something else", "x\n", 1, true, /in doubt until/],
  ];
  for (const [what, input, code, isMarked, words] of rows) {
    it(what, () => {
      const dir = fs.mkdtempSync(path.join(os.tmpdir(), "acknowledge-"));
      try {
        fs.mkdirSync(path.join(dir, "current"));
        fs.writeFileSync(path.join(dir, "current/meta"), "machine=web7\n");
        const mark = path.join(dir, "in-doubt");
        fs.writeFileSync(mark, "now\n");
        const script = `bash ${HOST_FOLDER}/machine/acknowledge.sh ${mark} 2>${dir}/errors >/dev/null; echo $?`;
        const said = execFileSync("bash", ["-c", script], { input, encoding: "utf8" });
        assert.equal(Number(said), code);
        assert.equal(fs.existsSync(mark), isMarked);
        assert.match(fs.readFileSync(path.join(dir, "errors"), "utf8").trim(), words);
      } finally {
        fs.rmSync(dir, { recursive: true });
      }
    });
  }
});

describe("a machine that was spared as another was lost remembers by which change (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-stayed-"));
  after(() => fs.rmSync(folder, { recursive: true }));
  before("the host scripts, and a role of one file among others' lines", () => {
    fs.cpSync(path.join(HOST_FOLDER, "machine"), path.join(folder, "scripts"), { recursive: true });
    fs.writeFileSync(
      path.join(folder, "scripts/role.sh"),
      `check() { :; }
       is_live() { cmp -s "$1/want/text" /run/live; }
       activate() { if [[ $1 ]]; then cp "$1/want/text" /run/live; else rm -f /run/live; fi; }
       verify() { :; }
       report() { :; }
       drift() { :; }
       surroundings() { sha256sum </run/foreign | cut -d ' ' -f 1; }`,
    );
  });

  /** turn VERSION ANSWER: a run that gets this answer; prints what the machine says of a loss, and what is live then. */
  const run = (script: string): string =>
    execFileSync(
      "unshare",
      [
        "-m",
        "bash",
        "-c",
        `exec 2>&1; set -e
        mount -t tmpfs none /run; mount -t tmpfs none /var/lib; echo theirs >/run/foreign
        turn() {
          rm -rf /run/b; mkdir -p /run/b/want; cp -r "$0/scripts" /run/b/; echo "$1" >/run/b/want/text
          printf '%s\n' instance=i stack=s/t role=c machine=web2 "version=$1" turn_seconds=5 >/run/b/meta
          LOOPBACK_HA_TOKEN=t bash /run/b/scripts/apply.sh 3< <(echo "LOOPBACK-HA-$2") 4>/run/said || true
          rm -f /var/lib/loopback-ha/i/in-doubt
          echo "$(sed -n 's/LOOPBACK-HA-READY . . . //p' /run/said) $(cat /run/live 2>/dev/null)"
        }
        ${script}`,
        folder,
      ],
      { encoding: "utf8" },
    );

  for (const [what, script, said] of [
    ["the same change again", "turn 2 STAY", "web1 1"],
    ["another change", "turn 3 STAY", "- 1"],
    ["others' lines have changed", "echo corrected >/run/foreign; turn 2 STAY", "- 1"],
    ["refused again, it is not forgotten", "turn 2 STAY >/dev/null; turn 2 STAY", "web1 1"],
    ["another machine is lost to it", "turn 2 'STAY web4' >/dev/null; turn 2 STAY", "web4 1"],
    [
      "it may begin, and the change comes again later",
      "turn 2 GO; turn 1 GO; turn 2 STAY",
      "web1 2\n- 1\n- 1",
    ],
    ["the change is taken back", "turn 1 GO; turn 2 STAY", " 1\nweb1 1"],
  ])
    it(what, () => {
      assert.equal(run(`turn 1 GO; turn 2 'STAY web1'; ${script}`), `- 1\n- 1\n${said}\n`);
    });

  it("leaves nothing if nothing of loopback-ha was there", () => {
    assert.equal(run("turn 1 'STAY web1'; ls /var/lib"), "- \n");
  });
});
