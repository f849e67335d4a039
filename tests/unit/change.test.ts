import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { FarmModel } from "../../components/config";
import { NotBegun, describeOutcome, applyDraft, failed, flip, unannouncedOf } from "../../cli/edits/change";
import { RouterMoves, TableSource } from "../../components/network/moves";
import { MOVES_NOTE } from "../../components/preflight/report";
import { Exit } from "../../cli/terminal/exit";
import type { Terminal } from "../../cli/terminal/output";
import type { Draft, Session } from "../../cli/pulumi/session";

describe("a change whose up does not start", () => {
  let file: string;
  beforeEach(
    () =>
      (file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-change-")), "Pulumi.prod.yaml")),
  );
  afterEach(() => fs.rmSync(path.dirname(file), { recursive: true }));

  const farm = {
    servers: [{ name: "web2", state: "down" }],
    routers: [{ name: "r1", kind: "linux" }],
  } as unknown as FarmModel;
  const LOCKED =
    "stderr: error: the stack is currently locked by 1 lock(s).\n  file:///x.json: created by ann@op1 (pid 7) at 2026";

  /** What is said where this happens meanwhile. */
  async function refused(meanwhile: () => void): Promise<NotBegun> {
    fs.writeFileSync(file, "old");
    const up = (): Promise<never> => {
      meanwhile();
      return Promise.reject(new Error(LOCKED));
    };
    const session = {
      recorded: <T>(work: () => Promise<T>) => work(),
      engine: { up },
    } as unknown as Session;
    const move = { router: "r1", prefix: "192.0.2.64/27", from: "web2", to: "web1" };
    try {
      await applyDraft(
        session,
        { farm, before: farm, file, text: "old", newText: "new" },
        [move],
        () => undefined,
      );
    } catch (error) {
      assert.ok(error instanceof NotBegun, String(error));
      assert.equal(error.exit, Exit.Locked);
      assert.match(error.message, /^another run holds the stack.*created by ann@op1 \(pid 7\)/s);
      assert.match(error.message, /as root on r1: loopback-ha-move --down 192\.0\.2\.64\/27 web1$/);
      return error;
    }
    return assert.fail("it was done");
  }

  it("leaves the config as it was, and says who holds the stack and how to move traffic on the router (M14)", async () => {
    assert.equal((await refused(() => undefined)).config, "");
    assert.equal(fs.readFileSync(file, "utf8"), "old");
  });

  it("says why it failed even when the config can't be restored", async () => {
    const { config } = await refused(() => (fs.rmSync(file), fs.mkdirSync(file)));
    assert.match(config, /Pulumi\.prod\.yaml still has the change and could not be restored \(.*EISDIR/);
    fs.rmdirSync(file);
    const changed = await refused(() => fs.writeFileSync(file, "somebody's"));
    assert.match(changed.config, /was changed by someone else in the meantime, and keeps both changes/);
    assert.equal(fs.readFileSync(file, "utf8"), "somebody's");
  });
});

describe("a flip that asks nothing", () => {
  const farm = { servers: [], routers: [{ name: "r1", kind: "linux" }] } as unknown as FarmModel;
  const move = {
    ...{ prefix: "192.0.2.64/27", from: "web2", to: "web1", sites: [], flows: [] },
  };

  /** What it says, in order with what the run does. */
  async function flipped(moves: unknown[] | undefined, failure?: Error): Promise<string[]> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-change-"));
    const file = path.join(folder, "Pulumi.prod.yaml");
    fs.writeFileSync(file, "old");
    const said: string[] = [];
    const up: Session["engine"]["up"] = ({ env, onEvent }) => {
      onEvent!({ sequence: 1 } as never);
      const routers = [
        { router: "r1", failure: null, table: TableSource.Live, leaving: [], shares: {}, moves },
      ];
      if (moves) fs.writeFileSync(env![MOVES_NOTE], JSON.stringify({ routers }));
      onEvent!({ sequence: 2 } as never);
      said.push(`r1 is changed, with ${fs.readFileSync(file, "utf8")}`);
      return failure ? Promise.reject(failure) : Promise.resolve();
    };
    const session = {
      draft: () => Promise.resolve({ farm, before: farm, file, text: "old", newText: "new" }),
      recorded: <T>(work: () => Promise<T>) => work(),
      engine: { up },
    } as unknown as Session;
    const terminal = { yes: true, say: (text: string) => said.push(text) } as unknown as Terminal;
    try {
      await flip({ session, terminal }, "web2 is down", []);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
    return said;
  }

  it("shows what moves by the run's own look, before a machine is changed, and once", async () => {
    const said = await flipped([move]);
    assert.match(said[0], /^r1: 192\.0\.2\.64\/27: via web2 => via web1/);
    const after = said.indexOf("r1 is changed, with new");
    assert.equal(said.filter((line) => line.includes("192.0.2.64/27: via")).length, 1);
    assert.ok(after > 0);
    assert.equal(said[after + 1], "moved  r1: 192.0.2.64/27 web2 => web1");
    assert.match(said[after + 2], /^done in /);
  });

  it("says that nothing moves", async () => {
    assert.equal((await flipped([]))[0], "nothing moves");
  });

  it("says where what moved can't be known, for want of a temporary folder", async () => {
    const said = await flipped(undefined);
    assert.match(said[1], /^what moved is not known here.*loopback-ha status/);
  });
});

describe("what a run moves beyond what the preview showed", () => {
  const shown = [{ router: "r1", prefix: "192.0.2.64/27", from: "web2", to: "web1" }];
  const found = (prefix: string, from: string, table = TableSource.Live): RouterMoves =>
    ({ router: "r1", table, moves: [{ prefix, from, to: "web1", sites: [], flows: [] }] }) as never;

  it("is nothing when the run finds the same, wherever a prefix moves from by then", () => {
    assert.deepEqual(unannouncedOf(shown, [found("192.0.2.64/27", "web2")]), []);
    assert.deepEqual(unannouncedOf(shown, [found("192.0.2.64/27", "web3")]), []);
    assert.deepEqual(unannouncedOf(shown, undefined), []);
    assert.deepEqual(unannouncedOf(shown, []), []);
  });

  it("is reported with the router and the prefix", () => {
    const [move] = unannouncedOf(shown, [found("192.0.2.96/27", "web3")]);
    assert.deepEqual(move, { router: "r1", prefix: "192.0.2.96/27", from: "web3", to: "web1" });
    const applied = { ok: true, failures: [], warnings: [], changes: [], seconds: 2 };
    const outcome = { farm: {} as FarmModel, moved: [move], stayed: [], unannounced: [move], applied };
    assert.deepEqual(describeOutcome(outcome), [
      "moved  r1: 192.0.2.96/27 web3 => web1",
      "not shown before, because the router's table changed in between: r1: 192.0.2.96/27 web3 => web1",
      "done in 2.0 s",
    ]);
  });

  it("is unknown for a router that could not be looked at", () => {
    assert.deepEqual(unannouncedOf([], [found("192.0.2.96/27", "web3", TableSource.Config)]), []);
  });
});

describe("the message of a failed change", () => {
  const move = { router: "r1", prefix: "192.0.2.64/27", from: "web2", to: "web1" };
  const applied = { ok: false, failures: ["web3: no"], warnings: [], changes: [], seconds: 4 };
  const farm = {} as FarmModel;
  const draft = { file: "Pulumi.prod.yaml" } as Draft;

  it("says of what did not move where it goes and where it should (STAYED r1)", () => {
    assert.deepEqual(describeOutcome({ farm, moved: [], stayed: [move, { ...move, from: null }], applied }), [
      "did not move: r1 still sends 192.0.2.64/27 to web2, but should send it to web1",
      "did not move: r1 still sends 192.0.2.64/27 nowhere, but should send it to web1",
      "failed in 4.0 s",
    ]);
  });

  it("says of a half-done change, such as a site that one server refused, how to finish it and how to go back (the config has the change)", () => {
    const { message } = failed(draft, { farm, moved: [], stayed: [], applied }).failure!;
    assert.match(
      message,
      /^web3: no\nthe change may be partly done: Pulumi\.prod\.yaml has it.* To finish: .*pulumi up .* To go back: undo the change in Pulumi\.prod\.yaml/,
    );
    const some = failed(draft, { farm, moved: [move], stayed: [move], applied }).failure!;
    assert.match(some.message, /the moves listed above are done, and the config has the change/);
  });
});
