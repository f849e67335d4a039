/** What a machine goes back to when a change fails: the real apply.sh and revert.sh, in a /run and /var/lib of their own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const HOST = path.join(__dirname, "../../components/host/machine");

const ROLE = `
check() { :; }
is_live() { cmp -s "$1/want/text" /run/live; }
activate() { if [[ $1 ]]; then cp "$1/want/text" /run/live; else rm -f /run/live; fi; }
verify() { [[ ! -e /run/broken ]] || fail "it does not answer"; }
report() { :; }
drift() { :; }
`;

describe("a machine whose change fails reverts (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-back-"));
  after(() => fs.rmSync(folder, { recursive: true }));
  before("the host scripts, and a role of one file", () => {
    fs.cpSync(HOST, path.join(folder, "scripts"), { recursive: true });
    fs.writeFileSync(path.join(folder, "scripts/role.sh"), ROLE);
  });

  /** apply VERSION: as a run brings it. What is said, then what is live, and what is left in the state. */
  const run = (script: string): string =>
    execFileSync(
      "unshare",
      [
        "-m",
        "bash",
        "-c",
        `exec 2>&1; set -e
        mount -t tmpfs none /run; mount -t tmpfs none /var/lib; state=/var/lib/loopback-ha/i
        apply() {
          rm -rf /run/b; mkdir -p /run/b/want; cp -r "$0/scripts" /run/b/; echo "$1" >/run/b/want/text
          printf '%s\n' instance=i stack=s/t role=c machine=web2 "version=$1" >/run/b/meta
          bash /run/b/scripts/apply.sh || true
        }
        fail_next() { touch /run/broken; }
        ${script}
        echo "live: $(cat /run/live 2>/dev/null), $(ls $state 2>/dev/null | xargs)"`,
        folder,
      ],
      { encoding: "utf8" },
    );
  const UNKNOWN =
    "web2: there was a former version, but which one is not recorded here; what is in force stays\n";

  it("to nothing, if nothing was applied before", () => {
    assert.equal(
      run("fail_next; apply 1; ls /var/lib"),
      "web2: it does not answer\nweb2: the change failed; the previous state is back in force\nlive: , \n",
    );
  });

  it("to the former version", () => {
    assert.equal(
      run("apply 1; fail_next; apply 2"),
      "web2: it does not answer\nweb2: the change failed; the previous state is back in force\nlive: 1, applied current versions\n",
    );
  });

  it("and removes nothing that it does not know: a lost link deletes nothing", () => {
    assert.equal(
      run("apply 1; rm $state/current; fail_next; apply 2"),
      `web2: it does not answer\n${UNKNOWN}web2: the change failed, and so did rolling it back: the machine is in doubt until the next 'pulumi up' succeeds on it\nlive: 2, applied current in-doubt versions\n`,
    );
    assert.equal(
      run("apply 1; rm $state/current; fail_next; apply 2 &>/dev/null; rm /run/broken; apply 2"),
      "live: 2, applied current versions\n",
    );
  });

  for (const [what, pending] of [
    ["that is cut off", "token=t\\nversion=1\\n"],
    ["without the version before", "token=t\\nversion=1\\nprevious=\\ndoubted=\\nseconds=1\\nover=0\\n"],
  ])
    it(`and an unconfirmed change ${what} removes nothing`, () => {
      assert.equal(
        run(
          `apply 1; printf '${pending}' >/run/loopback-ha/pending.i; bash $state/current/scripts/revert.sh t || true`,
        ),
        `${UNKNOWN.trim()}. Remove /run/loopback-ha/pending.i there, then run 'pulumi up' again\nlive: 1, applied current versions\n`,
      );
    });

  it("but the supervisor keeps a change that waits for its confirmation until its time is over", () => {
    const step = (over: string): string => `
      over=$(($(sed 's/[.]//; s/ .*//' /proc/uptime) ${over})) && rm -f /run/live
      printf '%s\n' token=t version=2 previous=1 doubted= seconds=1 over=$over >/run/loopback-ha/pending.i
      bash $state/current/scripts/restore.sh --once; echo "$(cat /run/live) $(ls /run/loopback-ha | grep -c pending || true)"`;
    assert.equal(
      run(
        `apply 1; cp -r $state/versions/1 $state/1; apply 2; mv $state/1 $state/versions; ${step("+ 500")}; ${step("- 200")}`,
      ),
      "2 1\n1 0\nlive: 1, applied current versions\n",
    );
  });
});
