/** A router's change is confirmed over a connection that is made while the router verifies it. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { Ended, FalseSsh } from "./support";

/** A machine whose change is in force; then, once the second connection is there, it ends like this. */
const machine = (end: string): string => `case "$*" in
*' bash -s loopback-ha '*)
  timeout 5 head -c 30 >&3; echo LOOPBACK-HA-ACTIVE
  for i in {1..100}; do [[ ! -e $dir/connected ]] || break; sleep 0.05; done
  sleep 0.5
  [[ -e $dir/connected && ! -e $dir/used ]] || { echo 'web1: not connected, or used too early' >&2; exit 1; }
  ${end} ;;
*' bash -s confirm '*)
  : >"$dir/connected"
  IFS= read -r line || exit 1
  echo "$line" >"$dir/used"
  echo LOOPBACK-HA-APPLIED; timeout 5 cat >&3 ;;
esac`;

describe("the confirmation of a change (slow)", () => {
  async function deliver(end: string, settings = "confirm_seconds=20\n"): Promise<[Ended, boolean, number]> {
    const ssh = new FalseSsh(machine(end));
    try {
      const ended = await ssh.deliver({}, { settings }, "routerRoute");
      const confirming = ssh.calls.filter(({ words }) => words.join(" ").includes(" bash -s confirm "));
      return [ended, fs.existsSync(path.join(ssh.folder, "used")), confirming.length];
    } finally {
      ssh.remove();
    }
  }

  it("connects while the change is verified, and confirms after that", async () => {
    const [{ code, stderr }, used, connections] = await deliver("echo 'LOOPBACK-HA-CONFIRM 20'; cat >&3");
    assert.deepEqual([code, stderr, used, connections], [0, "", true, 1]);
  });

  it("does not confirm a failed change, and leaves no connection", async () => {
    const [{ code, stderr, seconds }, used] = await deliver("echo 'web1: it went back' >&2; exit 1");
    assert.deepEqual([code, used], [1, false]);
    assert.match(stderr, /web1: it went back/);
    assert.ok(seconds < 10, `${seconds} s`);
  });

  it("does not confirm a change whose own connection broke", async () => {
    const [{ code, stderr }, used] = await deliver("exit 255");
    assert.deepEqual([code, used], [1, false]);
    assert.match(stderr, /it undoes by itself whatever it had changed by then/);
  });

  it("does not connect early to a machine that needs no confirmation", async () => {
    const [{ code }, used, connections] = await deliver(
      "echo 'LOOPBACK-HA-CONFIRM 20'",
      "confirm_seconds=0\n",
    );
    assert.deepEqual([code, used, connections], [1, false, 0]);
  });
});
