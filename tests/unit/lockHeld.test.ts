import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const HOST = path.join(__dirname, "../../components/host/machine");

describe("a machine's lock (L7)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-lock-"));
  after(() => fs.rmSync(folder, { recursive: true }));

  it("is not held by a daemon that outlives the run which started it", () => {
    const scripts = path.join(folder, "scripts");
    fs.cpSync(HOST, scripts, { recursive: true });
    fs.writeFileSync(path.join(scripts, "role.sh"), "");
    fs.writeFileSync(path.join(folder, "meta"), "instance=i\nmachine=web1\nrole=c\nstack=s/t\nversion=v\n");
    // Both leave a daemon behind; systemctl is a stub of our own, in a /run of our own.
    const daemon = path.join(folder, "daemon");
    fs.writeFileSync(
      daemon,
      '#!/bin/bash\n[[ $1 == start ]]\nsleep 20 >/dev/null 2>&1 & echo $! >>"$PIDS"\n',
      {
        mode: 0o755,
      },
    );
    const script = `set -e
      mount -t tmpfs none /run; mount --bind "$0/daemon" "$(readlink -f /usr/bin/systemctl)"
      (. "$0/scripts/lib.sh"; take_lock; systemctl start x; timeout 5 "$0/daemon" start; true)
      flock -n /run/loopback-ha/lock echo free || echo held
      kill $(cat "$0/pids")`;
    const said = execFileSync("unshare", ["-m", "bash", "-c", script, folder], {
      encoding: "utf8",
      env: { ...process.env, PIDS: path.join(folder, "pids") },
    });
    assert.equal(said, "free\n");
    assert.equal(fs.readFileSync(path.join(folder, "pids"), "utf8").trim().split("\n").length, 2);
  });
});
