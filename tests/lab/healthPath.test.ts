/** The health path answers under any directive of a site's own, or of the whole server. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { VipBinding } from "../../components/network/addressPlan";
import { filesOf } from "../../components/host/payload.cjs";
import { lineProblems } from "../../components/webServerPool/directives";
import { renderDirectives, renderSites, renderVhosts } from "../../components/webServerPool/vhostTemplate";
import { Lab } from "../../lab/lab";
import { checkout } from "../../lab/state";
import { asLib, awkOf, machineScripts } from "../unit/machineScripts";
import { emptyLab } from "./support";

const DIRECTIVES: Record<string, string> = {
  none: "",
  // What certbot writes.
  rewrite: `RewriteEngine On
RewriteRule ^ https://%{SERVER_NAME}%{REQUEST_URI} [END,NE,R=permanent]`,
  rewriteOff: "RewriteEngine Off",
  rewriteLocation: "<Location />\nRewriteEngine On\nRewriteRule ^ - [F]\n</Location>",
  proxy: "ProxyPass / http://127.0.0.1:9/",
  proxyMatch: "ProxyPassMatch ^/(.*)$ http://127.0.0.1:9/$1",
  redirect: "Redirect permanent / https://www.example/",
  redirectMatch: "RedirectMatch 301 ^/(.*) https://www.example/$1",
  alias: "Alias / /nowhere/",
  denied: "<Location />\nRequire all denied\n</Location>",
  password:
    "<Location />\nAuthType Basic\nAuthName x\nAuthUserFile /dev/null\nRequire valid-user\n</Location>",
  if: '<If "true">\nRequire all denied\n</If>',
  handler: '<Location />\nSetHandler "proxy:http://127.0.0.1:9/"\n</Location>',
  fallback: "<Location />\nFallbackResource /nowhere\n</Location>",
  locationRedirect: "<Location />\nRedirect 301 https://www.example/\n</Location>",
  ifRedirect: '<If "true">\nRedirect 301 https://www.example/\n</If>',
  ifInIf:
    '<Location />\n<If "true">\n<If "true">\nRedirect 301 https://www.example/\n</If>\n</If>\n</Location>',
  errorDocument: '<If "true">\nErrorDocument 200 "another answer"\n</If>',
};
const FOLDER = "/tmp/health-path";
const PATH = "/.well-known/loopback-ha/t0k3n";

describe("the health path", function () {
  const lab = new Lab();
  const run = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec("web1", ["bash", "-s"], { input: script });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  before(() => emptyLab(lab));
  after(() => run(`rm -rf ${FOLDER}`));

  it("answers under any one directive, any two, and any pair of a site's and a server-wide one (story)", async () => {
    const names = Object.keys(DIRECTIVES);
    const inSites = new Map(
      names.flatMap((a) =>
        names.map((b): [string, string] => [
          `${a}-${b}`,
          `${DIRECTIVES[a]}\n${a === b ? "" : DIRECTIVES[b]}`,
        ]),
      ),
    );
    const sites = [...inSites].map(([name, apache]) => ({
      name,
      apache: apache.split("\n"),
      serverName: `${name.toLowerCase()}.example`,
      documentRoot: "/var/www/html",
      vips: ["127.0.0.1"],
    }));
    for (const { apache } of sites) assert.deepEqual(lineProblems(apache, []), []);
    const context = { prefixes: ["127.0.0.1/32"], binding: VipBinding.Subnet };
    const desired = renderVhosts(renderSites(sites), context, renderDirectives(sites));
    const scripts = machineScripts("webServerPool");
    const write = (name: string, text: string): string =>
      `mkdir -p "$(dirname ${FOLDER}/${name})"; cat >${FOLDER}/${name} <<'END OF FILE'\n${text}\nEND OF FILE\n`;
    const files = Object.entries(filesOf({ want: desired })).map(([name, text]) =>
      write(`want/${name}`, text.trimEnd().replaceAll("@SECRET:health@", "t0k3n")),
    );
    const functions = `${asLib()}machine=web1 scripts=${FOLDER}/scripts\n${scripts["role.sh"]}\n`;
    const rendered = await run(
      `rm -rf ${FOLDER}\n${files.join("")}${Object.entries({
        ...awkOf(scripts),
        "roots.sh": "",
        "foreign.sh": "",
      })
        .map(([name, text]) => write(`scripts/${name}`, text))
        .join("")}${functions}render ${FOLDER}`,
    );
    const apache = `ServerRoot /etc/apache2
ServerName x
PidFile ${FOLDER}/pid
ErrorLog ${FOLDER}/log
DefaultRuntimeDir ${FOLDER}
User www-data
Group www-data
Define APACHE_LOG_DIR ${FOLDER}
Include mods-enabled/*.load
TypesConfig /dev/null
LogFormat "%h" vhost_combined
${["rewrite", "proxy", "proxy_http", "auth_basic", "dir"].map((name) => `<IfModule !${name}_module>\nLoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n</IfModule>`).join("\n")}
Listen 80
Include ${FOLDER}/server.conf
Include ${FOLDER}/vhosts.conf`;
    const probe = fs.readFileSync(path.join(checkout, "components/host/machine/probe.pl"), "utf8");
    const found = await run(`
${write("apache.conf", apache)}${write("vhosts.conf", rendered)}${write("probe.pl", probe)}
${names.map((name) => write(`server/${name}`, DIRECTIVES[name])).join("")}
cat >${FOLDER}/try.sh <<'END OF FILE'
set -eu
ip link set lo up
cd ${FOLDER}
try() {
  apache2 -f ${FOLDER}/apache.conf
  for i in $(seq 100); do ! grep -q :0050 /proc/net/tcp /proc/net/tcp6 || break; sleep 0.1; done
  perl probe.pl --deadline 10 <questions >answers || true
  awk -F '\\t' -v server="$1" -v asked="$(wc -l <questions)" '$1 != "ok" { print server ": " $0 } END { if (NR != asked) print server ": only " NR }' answers
  pid=$(cat pid)
  kill "$pid"
  for i in $(seq 100); do [[ -e /proc/$pid ]] || break; sleep 0.05; done
}
for name in ${sites.map((site) => site.name).join(" ")}; do
  printf 'http\\t127.0.0.1\\t80\\t%s.example\\t${PATH}\\t200\\tweb1 %s\\t%s\\n' "\${name,,}" "$name" "$name"
done >questions
: >server.conf
try "nothing server-wide"
grep -E $'\\t(${names.map((name) => `${name}-${name}`).join("|")})$' questions >one && mv one questions
for name in ${names.join(" ")}; do cp server/$name server.conf; try "server-wide $name"; done
END OF FILE
unshare -n -m -p -f --kill-child --mount-proc bash ${FOLDER}/try.sh`);
    assert.equal(found, "");
  });
});
