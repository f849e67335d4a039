import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import { asLib } from "./machineScripts";

const ROLE = path.join(__dirname, "../../components/dnsRoundRobin/role.sh");

/** What the real script says where named-checkconf ends with this code. */
function run(script: string, knows: boolean): string {
  const begin = `${asLib()}fail() { say "$*"; exit 1; }; others() { :; }; need() { :; }
    named-checkconf() { return ${knows ? 0 : 1}; }; . "$1"; learn_policy`;
  const { stdout, stderr } = spawnSync("bash", ["--norc", "-euc", `${begin}\n${script}`, "bash", ROLE], {
    encoding: "utf8",
  });
  return stdout + stderr;
}

describe("BIND as it is found", () => {
  it("serves the farm's zones without a global policy, if it knows the option (global dnssec-policy)", () => {
    const plain = 'zone "a.example" { type master; file "/etc/bind/loopback-ha/a.example.zone"; };\n';
    assert.equal(run("clause a.example", false), plain);
    assert.equal(run("clause a.example", true), plain.replace(" };", " dnssec-policy none; };"));
    assert.equal(run("policy='' clause a.example; clause a.example | wc -l", true), `${plain}1\n`);
  });

  it("with views is refused with a message of its own", () => {
    const error = "/dev/fd/63:2: when using 'view' statements, all zones must be in views";
    assert.match(
      run(`refuse_zone a.example "${error}"`, true),
      /^BIND on this machine has views, so it allows no zones outside them.*; nothing was changed\. .*use a name server without views for zone a\.example$/m,
    );
  });
});

describe("the wait for a zone that named reloads", () => {
  it("is measured since the boot: a clock that is set meanwhile neither ends nor lengthens it (L15)", () => {
    // bash's own SECONDS follow the clock.
    const waited = (step: number, answers: number): string => {
      const script = `${asLib()}fail() { say "$*"; exit 1; }; uptime_seconds() { say "$up"; }; sleep() { :; }
        . "$1"; zone_of() { say z; }; journalctl() { :; }
        asked=0 up=100; is_served() { SECONDS=$((SECONDS + ${step})) up=$((up + 1)); ((++asked > ${answers})); }
        wait_served x; say "served after $asked"`;
      const options = { encoding: "utf8", timeout: 10_000 } as const;
      return spawnSync("bash", ["--norc", "-euc", script, "bash", ROLE], options).stdout;
    };
    assert.equal(waited(1000, 3), "served after 4\n");
    assert.match(waited(-1000, 1e9), /^named does not serve serial .* after 10 s/);
  });
});
