import assert from "assert";
import * as os from "os";
import { ZONE } from "../../components/dnsRoundRobin/role";
import type { RoleManifest } from "../../components/host/roleManifest";
import { explainSshFailure, withoutNoise } from "../../components/host/sshFailure.cjs";
import { VIPS } from "../../components/loopbackVip/role";
import { ROUTES } from "../../components/routerRoute/role";
import { VHOSTS } from "../../components/webServerPool/role";

const changed = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Offending ED25519 key in /root/.ssh/known_hosts:3
Host key verification failed.
`;

describe("explainSshFailure", () => {
  const rows: [string, RegExp][] = [
    [changed, /^the host key of web1 is not the one in known_hosts.*ssh-keygen -R/],
    ["Host key verification failed.\r\n", /^the host key of web1 is not in known_hosts\. Connect once/],
    [
      "No ED25519 host key is known for 192.0.2.2 and you have requested strict checking.",
      /is not in known_hosts/,
    ],
    ["root@192.0.2.2: Permission denied (publickey).", /^web1 refuses this user or key \(root@.*ssh-add -l/],
    [
      "ssh: connect to host 192.0.2.2 port 22: Connection timed out",
      /^web1 does not answer over ssh \(ssh: /,
    ],
    ["ssh: connect to host 192.0.2.2 port 22: Connection refused", /does not answer.*Connection refused/],
    ["ssh: connect to host 192.0.2.2 port 22: No route to host", /does not answer/],
    ["ssh: connect to host 192.0.2.2 port 22: Network is unreachable", /does not answer/],
    ["Timeout, server 192.0.2.2 not responding.", /does not answer/],
    ["kex_exchange_identification: Connection closed by remote host", /does not answer/],
    ["client_loop: send disconnect: Broken pipe", /does not answer/],
    [
      "ssh: Could not resolve hostname web1: Name or service not known",
      /^the address of web1 cannot be resolved/,
    ],
    ["Can't open user config file ssh.conf: No such file or directory", /rejects its configuration for web1/],
    [
      "ssh.conf: terminating, 1 bad configuration options",
      /^ssh rejects its configuration for web1 \(ssh.conf/,
    ],
    ["something new\n", /^ssh to web1 failed: something new$/],
    ["cause\nControlSocket a already exists\nmux_client_request: b\n", /^ssh to web1 failed: cause$/],
    ["", /^web1 does not answer: the connection was lost\. Check/],
    ["x".repeat(1000), /^ssh to web1 failed: x{300}$/],
  ];
  for (const [text, expected] of rows) {
    it(JSON.stringify(text.trim().slice(-60)), () => {
      const message = explainSshFailure("web1", text);
      assert.match(message, expected);
      assert.doesNotMatch(message, /[\r\n]/);
    });
  }

  it("drops ssh's own notices, whatever their line endings (120 zones)", () => {
    const noise = [
      "ControlSocket /root/.ssh/loopback-ha-1 already exists, disabling multiplexing",
      "mux_client_request_session: session request failed: Session open refused by peer",
      'command-line: line 0: Unsupported option "gssapidelegatecredentials"',
    ];
    for (const end of ["\n", "\r\n"])
      assert.strictEqual(withoutNoise(["a", ...noise, "b", ""].join(end)), `a${end}b${end}`);
    assert.strictEqual(withoutNoise(noise[0]), "");
  });

  it("names the known_hosts that ssh reads where HOME is another home than passwd's (~/.ssh elsewhere)", () => {
    const { HOME } = process.env;
    const said = (home: string): string => {
      process.env.HOME = home;
      return explainSshFailure("web1", "Host key verification failed.");
    };
    try {
      const { homedir } = os.userInfo();
      const expected = `ssh reads ${homedir}/.ssh/known_hosts, in the home directory that passwd names, not in HOME (/elsewhere)`;
      assert.ok(said("/elsewhere").endsWith(expected), said("/elsewhere"));
      assert.doesNotMatch(said(`${homedir}/`), /known_hosts,/);
    } finally {
      process.env.HOME = HOME;
    }
  });

  const dead = "; if it is dead, set servers.web1.state to down and run pulumi up again";
  const timeout = "ssh: connect to host 192.0.2.2 port 22: Connection timed out";
  const roles: [string, Partial<RoleManifest> | undefined, boolean][] = [
    [timeout, VIPS, true],
    [timeout, VHOSTS, true],
    ["", VHOSTS, true],
    ["", undefined, false],
    [timeout, ZONE, false],
    [timeout, ROUTES, false],
    [timeout, undefined, false],
    ["root@192.0.2.2: Permission denied (publickey).", VIPS, false],
  ];
  for (const [text, role, expected] of roles) {
    it(`${role?.name ?? role}: ${text.slice(-20)} ${expected ? "names" : "does not name"} the state down`, () =>
      assert.strictEqual(explainSshFailure("web1", text, role?.ifDead?.("web1")).endsWith(dead), expected));
  }
});
