import assert from "assert";
import { execFileSync, spawnSync } from "child_process";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { Call, FalseSsh, HOST, PATHS } from "./support";

const ROOT = path.join(__dirname, "../../..");

/** What an ssh_config may have for all hosts, and what our connections have instead; undefined: no such line. */
const SETTLED: Record<string, [hostile: string, ours: string | undefined]> = {
  batchmode: ["no", "yes"],
  clearallforwardings: ["no", "yes"],
  connectionattempts: ["30", "1"],
  connecttimeout: ["300", "5"],
  dynamicforward: ["1080", undefined],
  exitonforwardfailure: ["yes", "no"],
  forkafterauthentication: ["yes", "no"],
  forwardagent: ["yes", "no"],
  forwardx11: ["yes", "no"],
  forwardx11trusted: ["yes", "no"],
  gssapidelegatecredentials: ["yes", "no"],
  localcommand: ["touch /tmp/owned", "touch /tmp/owned"],
  localforward: ["127.0.0.1:8080 127.0.0.1:80", undefined],
  loglevel: ["DEBUG3", "ERROR"],
  permitlocalcommand: ["yes", "no"],
  remotecommand: ["tmux attach", undefined],
  remoteforward: ["8080 127.0.0.1:80", undefined],
  requesttty: ["force", "false"],
  serveralivecountmax: ["99", "3"],
  serveraliveinterval: ["0", "3"],
  sessiontype: ["none", "default"],
  stdinnull: ["yes", "no"],
  stricthostkeychecking: ["no", "true"],
  tunnel: ["point-to-point", "false"],
  user: ["somebody", HOST.ssh?.user],
};
/** Ours for the connections that are shared, and theirs by name for the rest. */
const MULTIPLEXING = ["controlmaster", "controlpath", "controlpersist"];
/**
 * The operator's own: where a machine is and who vouches for it, how one logs in, what is spoken on the way, and what is
 * of no effect without a terminal or a forwarding.
 */
const OPERATORS = `
  host hostname port addressfamily bindaddress bindinterface canonicalizefallbacklocal canonicalizehostname
  canonicalizemaxdots canonicaldomains canonicalizepermittedcnames checkhostip compression hostkeyalias proxycommand
  proxyjump proxyusefdpass ipqos tcpkeepalive rekeylimit ciphers macs kexalgorithms versionaddendum
  globalknownhostsfile userknownhostsfile knownhostscommand hashknownhosts updatehostkeys verifyhostkeydns
  nohostauthenticationforlocalhost revokedhostkeys hostkeyalgorithms casignaturealgorithms fingerprinthash
  visualhostkey addkeystoagent certificatefile enablesshkeysign identityagent identityfile identitiesonly
  hostbasedacceptedalgorithms hostbasedauthentication kbdinteractiveauthentication kbdinteractivedevices
  numberofpasswordprompts passwordauthentication pkcs11provider preferredauthentications pubkeyacceptedalgorithms
  pubkeyauthentication requiredrsasize securitykeyprovider challengeresponseauthentication
  gssapiauthentication gssapiclientidentity gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey
  gssapiserveridentity gssapitrustdns
  enableescapecommandline escapechar obscurekeystroketiming warnweakcrypto refuseconnection channeltimeout
  forwardx11timeout gatewayports permitremoteopen streamlocalbindmask streamlocalbindunlink tunneldevice xauthlocation
  sendenv setenv ignoreunknown logverbose syslogfacility tag
`
  .trim()
  .split(/\s+/);

/** A configuration of ssh as it is in force, by keyword. */
function inForce(args: string[]): Map<string, string> {
  const text = execFileSync("ssh", ["-G", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line): [string, string] => [line.split(" ")[0].toLowerCase(), line.slice(line.indexOf(" ") + 1)]),
  );
}

describe("the operator's ssh_config (M16) (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hostile-"));
  const hostile = path.join(folder, "ssh_config");
  const write = (lines: string[]): void => fs.writeFileSync(hostile, `Host *\n${lines.join("\n")}\n`);
  before(() =>
    write([
      ...Object.entries(SETTLED).map(([keyword, [value]]) => `  ${keyword} ${value}`),
      `  ControlMaster yes\n  ControlPath ${folder}/theirs\n  ControlPersist yes`,
      "  SendEnv *",
    ]),
  );
  after(() => fs.rmSync(folder, { recursive: true }));

  it("is in force unless loopback-ha decides", () => {
    const theirs = inForce(["-F", hostile, "192.0.2.2"]);
    for (const keyword of [
      "forwardagent",
      "forwardx11",
      "localforward",
      "remotecommand",
      "stdinnull",
      "sessiontype",
    ])
      assert.ok(theirs.get(keyword), keyword);
  });

  for (const [name, { reply = "exit 255", run }] of Object.entries(PATHS)) {
    it(`does not change: ${name}`, async () => {
      const ssh = new FalseSsh(reply);
      const calls: Call[] = [];
      process.env.PULUMI_CONFIG_PASSPHRASE = "hunter2";
      process.env.LOOPBACK_HA_SECRET_health = "hunter2";
      try {
        await run(ssh);
        calls.push(...ssh.calls);
      } finally {
        delete process.env.PULUMI_CONFIG_PASSPHRASE;
        delete process.env.LOOPBACK_HA_SECRET_health;
        ssh.remove();
      }
      assert.ok(calls.length > 0);
      for (const { words, environment } of calls) {
        const found = inForce(["-F", hostile, ...words]);
        for (const [keyword, [, ours]] of Object.entries(SETTLED)) {
          // What -W means.
          const forwarded = keyword === "sessiontype" && words[0] === "-W";
          const terminal = keyword === "requesttty" && name.startsWith("IOS ");
          const other = keyword === "user" && words.includes("root@192.0.2.7") ? "root" : ours;
          assert.strictEqual(
            found.get(keyword),
            terminal ? "force" : forwarded ? "none" : other,
            `${keyword} of ${words.join(" ")}`,
          );
        }
        assert.doesNotMatch(found.get("controlpath") ?? "", /theirs/);
        // They may send any variable (L11).
        assert.ok(!environment.some((line) => line.includes("hunter2")), environment.join("\n"));
        assert.ok(environment.some((line) => line.startsWith("PATH=")));
      }
    });
  }

  it("has no keyword of this ssh without a decision: the operator's or loopback-ha's", () => {
    const judged = new Set([...Object.keys(SETTLED), ...MULTIPLEXING, ...OPERATORS]);
    const unknown = [...inForce(["-F", hostile, "192.0.2.2"]).keys()].filter(
      (keyword) => !judged.has(keyword),
    );
    assert.deepStrictEqual(
      unknown,
      [],
      "judge these: put them into OPTIONS of ssh.ts, or among the operator's",
    );
  });

  it("is considered in every file that runs ssh", () => {
    const files = spawnSync(
      "grep",
      [
        "-rlE",
        String.raw`(spawn|spawnSync|execFile|execFileSync|\))\("ssh"|\b(startSsh|askSsh)\(|\bssh \$`,
        "components",
        "cli",
        "bin",
        "plugin",
      ],
      { cwd: ROOT, encoding: "utf8" },
    ).stdout;
    const known = new Set(["components/host/runSsh.cjs", ...Object.values(PATHS).map(({ file }) => file)]);
    assert.deepStrictEqual(files.trim().split("\n").sort(), [...known].sort());
  });
});

describe("the command lines that cross ssh (slow)", () => {
  // What sh, bash, dash, zsh, fish, tcsh and csh read alike: no quotes, no redirection, nothing that they would replace.
  const WORD = String.raw`[A-Za-z0-9._/+:-][A-Za-z0-9._/+:=@%,-]*`;
  const PLAIN = new RegExp(`^${WORD}( ${WORD})*(; ${WORD}( ${WORD})*)*$`);
  for (const [name, { reply = "exit 255", run }] of Object.entries(PATHS)) {
    it(`are one line of plain words for any login shell: ${name}`, async () => {
      const ssh = new FalseSsh(reply);
      try {
        await run(ssh);
        for (const { words } of ssh.calls) {
          const command = words.slice(words.findIndex((word) => /^[a-z]+@192\.0\.2\.\d+$/.test(word)) + 1);
          if (name.startsWith("IOS ") || words[0] === "-W") assert.deepStrictEqual(command, []);
          else assert.match(command.join(" "), PLAIN);
        }
        if (name === "deliver and confirm") assert.strictEqual(ssh.calls.length, 2);
      } finally {
        ssh.remove();
      }
    });
  }
});
