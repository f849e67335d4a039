/** What a server's Apache has of somebody else's, before a change of ours: role.sh's own functions, on texts of real ones. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asLib, installScripts } from "./machineScripts";

// As Apache 2.4 of Debian prints it.
const DUMP = `# In file: /etc/apache2/ports.conf
#   5:
Listen 80
# In file: /etc/apache2/conf-enabled/tls.conf
#   1:
listen "443"
#   7:
Listen [::1]:8443 https
Listen 127.0.0.1:81
# In file: /etc/apache2/sites-enabled/f.conf
#   1:
<VirtualHost 203.0.113.9:80 *:80>
  #   2:
  ServerName http://WWW.shop.example:80
  #   3:
  DocumentRoot "/srv/a shop/"
  #   3:
  ServerAlias *.gadgets.example b.example
</VirtualHost>
#   8:
<VirtualHost *:443>
  #   9:
  ServerName secure.example
</VirtualHost>
# In file: /etc/apache2/sites-enabled/loopback-ha.a.b.web-web1.vhosts.conf
#   1:
<VirtualHost *:80>
  #   2:
  ServerName ours.example
</VirtualHost>
Loaded Modules:
 core_module (static)
 alias_module (shared)
`;

describe("Apache as it is found (slow)", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-foreign-"));
  before(() => installScripts(path.join(folder, "scripts"), "webServerPool"));
  after(() => fs.rmSync(folder, { recursive: true }));
  const PRELUDE = `set -Eeuo pipefail; ${asLib()} fail() { say "$machine: $*" >&2; exit 1; }; warn() { say "warning: $*" >&2; }`;

  /** stdout and stderr of some lines, with role.sh's functions; `bundle` is $folder. */
  function run(lines: string, input = ""): string {
    const settings = `state=${folder}/state instance=i machine=web1 bundle=${folder} version=2 previous=; scripts=${folder}/scripts`;
    const script = `exec 2>&1; ${PRELUDE}; ${settings}; . "$scripts/role.sh"; ${lines}`;
    return execFileSync("bash", ["-c", script], { encoding: "utf8", input });
  }
  const file = (name: string, text: string): string => {
    const at = path.join(folder, name);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    fs.writeFileSync(at, text);
    return at;
  };

  it("reads foreign Listens, names and folders, and modules, with file and line", () => {
    assert.deepEqual(run("configured", DUMP).trim().split("\n"), [
      "listen\t*\t80\t/etc/apache2/ports.conf:5",
      "listen\t*\t443\t/etc/apache2/conf-enabled/tls.conf:1",
      "listen\t[::1]\t8443\t/etc/apache2/conf-enabled/tls.conf:7",
      "listen\t127.0.0.1\t81\t/etc/apache2/conf-enabled/tls.conf:7",
      "name\twww.shop.example\t/etc/apache2/sites-enabled/f.conf:2",
      "root\t/srv/a shop/\t/etc/apache2/sites-enabled/f.conf:3",
      "name\t*.gadgets.example\t/etc/apache2/sites-enabled/f.conf:3",
      "name\tb.example\t/etc/apache2/sites-enabled/f.conf:3",
      "module\tcore_module",
      "module\talias_module",
    ]);
  });

  for (const [listen, socket, meets] of [
    ["*", "127.0.0.1", true],
    ["*", "[::1]", true],
    ["*", "*", true],
    ["0.0.0.0", "[::1]", false],
    ["0.0.0.0", "[::]", false],
    ["0.0.0.0", "*", true],
    ["[::]", "0.0.0.0", true],
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.53%lo", false],
    ["127.0.0.1", "0.0.0.0", true],
    ["[::1]", "[::]", true],
    ["[::1]", "127.0.0.1", false],
  ] as const)
    it(`a Listen on ${listen} ${meets ? "can't have" : "can have"} the port of a program on ${socket}`, () => {
      const config = file("config", `listen\t${listen}\t443\tf:1\n`);
      const sockets = file("sockets", `${socket}\t22\tsshd\n${socket}\t443\tnginx, process 7\n`);
      const found = run(`held_listens ${config} ${sockets}`);
      assert.equal(found, meets ? `${listen}\t443\tf:1\tnginx, process 7\n` : "");
    });

  it("distinguishes this Apache's sockets from those of another Apache and of other programs", () => {
    const ss = `LISTEN 0 511 *:80 *:* users:(("apache2",pid=${process.pid},fd=4))
LISTEN 0 1 0.0.0.0:443 0.0.0.0:* users:(("perl",pid=12,fd=3),("perl",pid=13,fd=3))`;
    const found = run(
      `ss() { command cat <<<'${ss}'; }; cat() { say "0::/system.slice/$unit"; }
       for unit in apache2.service apache2@two.service; do foreign_sockets; done`,
    );
    assert.deepEqual(found.trim().split("\n"), [
      "0.0.0.0\t443\tperl, process 12",
      `*\t80\tapache2, process ${process.pid}`,
      "0.0.0.0\t443\tperl, process 12",
    ]);
  });

  it("finds the sites whose names a foreign virtual host serves", () => {
    const config = file("config", run("configured", DUMP));
    const sites = file(
      "sites",
      ["a www.shop.example 1.2.3.4 /a", "b x.example,b.example 1.2.3.4 /b", "c gadgets.example 1.2.3.4 /c"]
        .concat(
          "d www.gadgets.example 1.2.3.4 /d",
          "e ours.example 1.2.3.4 /e",
          "f secure.example 1.2.3.4 /f",
          "",
        )
        .join("\n"),
    );
    assert.deepEqual(run(`hidden_vhosts ${config} ${sites}`).trim().split("\n"), [
      "a\twww.shop.example\t/etc/apache2/sites-enabled/f.conf:2",
      "b\tb.example\t/etc/apache2/sites-enabled/f.conf:3",
      "d\twww.gadgets.example\t/etc/apache2/sites-enabled/f.conf:3",
    ]);
  });

  const MODULES = ["alias", "authz_core", "setenvif"].map((name) => `module\t${name}_module\n`).join("");
  for (const [what, config, says] of [
    ["nothing wrong", "listen\t*\t80\tf:1\n", /^$/],
    ["Listen 80 in any file", "listen\t*\t8080\tf:1\nlisten\t0.0.0.0\t80\tconf-enabled/x.conf:1\n", /^$/],
    ["no Listen 80", "listen\t*\t8080\tf:1\n", /Add 'Listen 80' to \/etc\/apache2\/ports\.conf/],
    [
      "Listen on some addresses",
      "listen\t10.0.0.1\t80\tf:1\n",
      /but of 10\.0\.0\.1 \(f:1\).*Use a single 'Listen 80' instead/,
    ],
    [
      "a name of a site",
      "listen\t*\t80\tf:1\nname\ta.example\tf:3\n",
      /^warning: site a: .* also serves a\.example \(f:3\)/,
    ],
  ] as const)
    it(`check_config: ${what}`, () => {
      file("want/sites", "a a.example 1.2.3.4 /a\n");
      const text = file("config", config + MODULES);
      assert.match(run(`(check_config "$(<${text})") || true`), says);
    });

  it("check_config: a handler by FastCGI without its module would show source", () => {
    file("want/sites", "a a.example 1.2.3.4 /a\n");
    const check = (line: string, module = ""): string => {
      file("want/private/directives", `a - <FilesMatch x>\na - ${line}\n`);
      const text = file("config", `listen\t*\t80\tf:1\n${MODULES}${module}`);
      return run(`(check_config "$(<${text})") || true`);
    };
    const handler = '  sethandler "proxy:unix:/run/php.sock|fcgi://localhost"';
    try {
      assert.match(check(handler), /^web1: site a uses a FastCGI handler, .*Enable it: a2enmod proxy_fcgi/);
      assert.equal(check(handler, "module\tproxy_fcgi_module\n"), "");
      assert.equal(check(`#${handler}`), "");
      assert.equal(check('SetHandler "proxy:http://localhost/"'), "");
    } finally {
      fs.rmSync(path.join(folder, "want/private/directives"));
    }
  });

  for (const [folder, root, isShown] of [
    ["/var/www/html", "/var/www/html", true],
    ["/var/www/html/", "/var/www/html/shop", true],
    ["/var/www/html/public", "/var/www/html", true],
    ["/var/www/html", "/var/www/html2", false],
    ["/var/www/html", "/srv/a", false],
  ] as const)
    it(`check_config: the source of programs in ${root} is ${isShown ? "" : "not "}shown by a virtual host with ${folder}`, () => {
      file("want/sites", `a a.example 1.2.3.4 ${root}\nb b.example 1.2.3.5 /var/www/html\n`);
      const own = file(
        "want/private/directives",
        'a - SetHandler "proxy:unix:/run/x|fcgi://localhost"\nb - Header set A b\n',
      );
      const text = file(
        "config",
        `listen\t*\t80\tf:1\n${MODULES}module\tproxy_fcgi_module\nroot\t${folder}\tsites-enabled/000-default.conf:12\n`,
      );
      try {
        const said = run(`check_config "$(<${text})"`);
        if (!isShown) assert.equal(said, "");
        else
          assert.match(
            said,
            new RegExp(
              `^warning: site a: .* also serves ${folder}.* \\(sites-enabled/000-default\\.conf:12\\): [^\\n]*\\n$`,
            ),
          );
      } finally {
        fs.rmSync(own);
      }
    });

  it("an error of Apache about a site's own line names the site and the line", () => {
    const rendered =
      "# x\n# site a\nx env=!loopback_ha_health\nA\n  Fallbak hunter2\n</VirtualHost>\n# site b\n";
    const text = file("rendered", rendered);
    const named = (line: number, at = "$vhosts"): string =>
      run(`render() { cat ${text}; }; own_line x "AH00526: Syntax error on line ${line} of ${at}: Invalid"`);
    assert.equal(named(5), "(site a, line 2 of its own: Fallbak) ");
    assert.equal(named(4), "(site a, line 1 of its own: A) ");
    for (const line of [1, 2, 3, 7, 70]) assert.equal(named(line), "");
    assert.equal(named(5, "/etc/apache2/apache2.conf"), "");
    // As where port 80 redirects: only the second virtual host has them.
    const health = '    <Location "/.well-known/loopback-ha/x">\n    </Location>\n</VirtualHost>\n';
    const log = "x env=!loopback_ha_health\n";
    const vhost = (own: string): string => `<VirtualHost 1.2.3.4:80>\n${log}${own}${health}`;
    fs.writeFileSync(text, `# site a\n${vhost("")}${vhost("A\nFallbak hunter2\n")}# site b\n`);
    assert.equal(named(10), "(site a, line 2 of its own: Fallbak) ");
    for (const line of [2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14]) assert.equal(named(line), "", String(line));
  });

  const TRIAL = `mkdir -p ${folder}/want; : >${folder}/want/sites; render() { say ours; }; local_addresses() { :; }; questions() { say "http\t1.2.3.4\t80\ta.example\t/h\t200"; }
    systemctl() { :; }; foreign_sockets() { printf '*\t443\tnginx, process 7\n'; }; run=${folder}/run; mkdir -p ${folder}/run ${folder}/state`;
  for (const [what, trial, says] of [
    ["alive", "printf 'alive\nlisten\t0.0.0.0\t80\n'", /^passed -1$/],
    [
      "a port that it takes though no Listen names it",
      "printf 'alive\nlisten\t*\t443\n'",
      /^web1: port 443 is in use by another program \(nginx, process 7\).*\(in a trial start\)/,
    ],
    [
      "ended",
      "printf 'ended\tAH1: \x1b[2J no key \n'",
      /^web1: Apache would stop .*: AH1: \[2J no key - nothing was changed/,
    ],
    ["silent", "say silent", /^web1: Apache does not answer within 20 s in an isolated trial run/],
    [
      "no namespaces",
      "echo 'unshare: no' >&2; return 1",
      /^warning: .*\(unshare: no\).*\npassed unshare: no-$/,
    ],
  ] as const)
    it(`a trial start: ${what}`, () => {
      const lines = `${TRIAL}; timeout() { cat ${folder}/run/trial/{question,vhosts.conf} >${folder}/asked; ${trial}; }`;
      assert.match(
        run(`${lines}; (check_trial ${folder}; say "passed $no_trial-$tried") || true`).trim(),
        says,
      );
      assert.equal(fs.readFileSync(path.join(folder, "asked"), "utf8"), "1.2.3.4\ta.example\t/h\nours\n");
      assert.ok(!fs.existsSync(path.join(folder, "run/trial")));
    });

  for (const [now, says] of [
    ["mpm_event", /^passed$/],
    ["", /^passed$/],
    [
      "mpm_prefork",
      /^web1: Apache would stop at its next reload: it runs with mpm_prefork, but its configuration now has mpm_event\..*a2dismod mpm_event; a2enmod mpm_prefork\); nothing was changed/,
    ],
  ] as const)
    it(`an MPM that is changed with a start only: it runs with ${now || "none that can be seen"}`, () => {
      const lines = `${TRIAL}; timeout() { printf 'alive\n'; }; running_mpm() { say ${now}; }; dump_config() { printf 'Loaded Modules:\n core_module (static)\n mpm_event_module (shared)\n'; }`;
      const said = run(`${lines}; (check_trial ${folder}; say passed) || true`).trim();
      assert.match(said, says);
      // A removal leaves it as it is.
      const removal = run(`${lines}; run=${folder}/run; apache2ctl() { :; }; kill() { say KILLED; }
        systemctl() { [[ $1 != show ]] || say 77; }; (reload '') || true`);
      if (now === "mpm_prefork")
        assert.match(removal, /^warning: Apache was not reloaded, because that would stop it: it runs with/);
      else assert.match(removal, /^KILLED/);
    });

  it("says once that no trial start is possible, and tries nothing that Apache has already read", () => {
    const lines = `${TRIAL}; timeout() { echo no >&2; return 1; }; check_trial ${folder}; settle; check_trial ${folder}; timeout() { say silent; }
      is_loaded() { :; }; check_trial ${folder}; say end`;
    assert.match(run(lines), /^warning: [^\n]*Reported once\nend\n$/);
  });

  it("knows whether the foreign configuration has changed, whatever is in the farm's own files", () => {
    const sum = (dump: string, how = "foreign_config"): string =>
      run(`foreign_config() { return 1; }; ${how}() { command cat; }; surroundings`, dump).trim();
    const before = sum(DUMP);
    assert.match(before, /^[0-9a-f]{64}$/);
    assert.equal(sum(DUMP.replaceAll("ours.example", "new.example")), before);
    assert.equal(sum(DUMP, "dump_config"), before);
    assert.notEqual(sum(DUMP.replace("Listen 80", "Listen 81")), before);
    assert.notEqual(sum(DUMP.replace("secure.example", "new.example")), before);
  });

  it("fails a check whose prober died (M13)", () => {
    const verify = (answers: string): string =>
      run(
        `touched_sites() { say "a a.example 1.2.3.4 /a"; }; questions() { printf 'q\\nq\\n'; }; systemctl() { :; }
         perl() { cat >/dev/null; ${answers}; }; (verify x; say passed) || true`,
      );
    assert.match(verify("printf 'ok\\t1.2.3.4\\ta\\t\\nok\\t1.2.3.4\\tb\\t\\n'"), /^passed/);
    assert.match(verify("return 137"), /ended early \(exit code 137, 0 of 2 answers\)/);
    assert.match(verify("printf 'ok\\t1.2.3.4\\ta\\t\\n'; return 137"), /1 of 2 answers/);
    assert.match(verify("printf 'ok\\t1.2.3.4\\ta\\t\\n'"), /exit code 0, 1 of 2 answers/);
    assert.match(
      verify("printf 'fail\\t1.2.3.4\\ta\\tHTTP status 500\\n'; return 1"),
      /site a does not answer on 1\.2\.3\.4: HTTP status 500/,
    );
  });

  for (const pid of [0, 1])
    it(`sends no signal to the main process ${pid} (L1)`, () => {
      const said = run(
        `systemctl() { [[ $1 != show ]] || say ${pid}; }; apache2ctl() { say "Syntax OK"; }; kill() { say KILLED "$@"; }
         journalctl() { say "(98)Address already in use: AH00072: make_sock: could not bind to address [::]:443"; }; (reload x) || true`,
      );
      assert.doesNotMatch(said, /KILLED/);
      assert.match(said, /did not load its configuration: .*AH00072: make_sock/);
    });

  it("shows a site's own lines in drift as they were applied, except those with a secret", () => {
    file("want/private/vhost.conf", '# site @SITE@\n    <Location "/x/t0k3n">\n    @DIRECTIVES@\n');
    file("want/private/server.conf", "");
    file("want/private/directives", "a - Header set A b\na * SetEnv A hunter2\na - # end\n");
    file("want/sites", "a a.example 1.2.3.4 /a\n");
    const head = "# Vhosts of stack s. Written by pulumi up; changes belong in its config.\n# site a\n";
    const at = file("found", `${head}    <Location "/x/t0k3n">\nHeader set A c\nSetEnv A hunter3\n# end\n`);
    const shown = run(
      `stack=s; eval "$(declare -f edited_vhosts | sed 's|"$vhosts"|${at}|')"; edited_vhosts ${folder}`,
    );
    fs.rmSync(path.join(folder, "want/private/directives"));
    assert.equal(
      shown.replaceAll("(not shown: it may hold a secret)", "..."),
      "- vhost a: Header set A b\n- vhost a: SetEnv ...\n+ vhost a: Header ...\n+ vhost a: SetEnv ...\n",
    );
  });

  it("shows only the directive of a foreign line in drift (L3)", () => {
    file("want/private/vhost.conf", '# site @SITE@\n    <Location "/x/t0k3n">\n');
    file("want/private/server.conf", "");
    file("want/sites", "a a.example 1.2.3.4 /a\n");
    const extra = [
      "SetEnv DB_PASSWORD hunter2",
      "SetEnv \\",
      "hunter2",
      "# hunter2",
      "<If \"'hunter2'\">",
      "</If>",
    ];
    const head = "# Vhosts of stack s. Written by pulumi up; changes belong in its config.\n# site a\n";
    const at = file("found", `${head}    <Location "/x/t0k3n">\n${extra.join("\n")}\n`);
    const shown = run(
      `stack=s; eval "$(declare -f edited_vhosts | sed 's|"$vhosts"|${at}|')"; edited_vhosts ${folder}`,
    );
    assert.equal(
      shown.replaceAll("(not shown: it may hold a secret)", "..."),
      [
        "+ vhost a: SetEnv ...",
        "+ vhost a: SetEnv ...",
        "+ vhost a: ...",
        "+ vhost a: # ...",
        "+ vhost a: <If ...",
        "+ vhost a: </If>",
        "",
      ].join("\n"),
    );
  });
});
