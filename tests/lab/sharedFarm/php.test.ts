/** A site's own lines as the docs have them, with Debian's own php-fpm: PHP, an application, a front controller. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { startLoad, whoServes } from "../../../lab/client";
import { failures } from "../../../lab/load/record";
import { checkout } from "../../../lab/state";
import { Farm, SERVERS } from "../support";

const NAME = "php.widgetco.example";
const VIPS = ["192.0.2.43", "192.0.2.75", "192.0.2.107", "192.0.2.139"];
/** That of the subnet which is web2's. */
const VIP = VIPS[1];
const ROOT = "/srv/www/php";
const MODULES = "proxy proxy_http proxy_fcgi";
/** As Debian has it: the unit's name has PHP's version. */
const FPM = "$(basename /lib/systemd/system/php*-fpm.service)";

/** Says who ran it, and for what; with its length, for the load. */
const PAGE = `<?php
$body = php_uname("n") . " ran " . $_SERVER["SCRIPT_FILENAME"] . " for " . $_SERVER["REQUEST_URI"] . "\\n";
header("Content-Type: text/plain");
header("Content-Length: " . strlen($body));
echo $body;
`;
/** An application on a port of the loopback. */
const APPLICATION = `use IO::Socket::INET; use Sys::Hostname;
my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8000", Listen => 64, ReuseAddr => 1);
my $body = hostname() . " application\\n";
while (my $c = $l->accept) { while (<$c>) { last if /^\\r?\\n/ } print $c "HTTP/1.0 200 OK\\r\\nContent-Length: ", length $body, "\\r\\n\\r\\n$body"; close $c }`;

const asker = fs.readFileSync(path.join(__dirname, "../directives/ask.pl"), "utf8");
const [PHP, PROXY, CONTROLLER] = examplesOf("docs/site-directives.md");

/** Answers to what was asked all the time: how many, with which status, from which address, and how each began. */
interface Asked {
  count: number;
  status: string;
  address: string;
  shown: string;
}

describe("a site's own Apache lines, as in the docs", function () {
  this.timeout(600_000);
  const farm = new Farm();
  const { lab } = farm;

  const onServers = (command: string): Promise<string[]> =>
    Promise.all(SERVERS.map((name) => farm.sh(name, command)));
  const setLines = async (lines: string[]): Promise<void> => {
    await farm.drop("sites.php.apache");
    for (const [i, line] of lines.entries()) await farm.set(`sites.php.apache[${i}]`, line);
  };
  const declare = async (documentRoot = ROOT): Promise<void> => {
    await farm.set("sites.php.serverName", NAME);
    await farm.set("sites.php.documentRoot", documentRoot);
    await farm.set("sites.php.hostNumber", "11");
  };
  /** Not by way of the two runs that it takes in DNS. */
  const remove = async (): Promise<void> => {
    await farm.drop("sites.php");
    await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
  };
  const ask = (uri: string): Promise<string> =>
    farm.sh("client", `curl -s -m 5 -w '%{http_code}' -H 'Host: ${NAME}' http://${VIP}${uri}`);
  const served = (): Promise<string> => whoServes(lab, VIP, NAME, farm.healthPath);

  /** Asks for a page on a machine until it is stopped, one request behind the other. */
  const asking = async (machine: string, vips: string[], uri: string): Promise<() => Promise<Asked[]>> => {
    const child = await lab.spawn(machine, ["perl", "-e", asker, NAME, uri, ...vips]);
    let [text, errors] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (more: string) => (text += more));
    child.stderr!.setEncoding("utf8").on("data", (more: string) => (errors += more));
    return async () => {
      child.stdin!.end();
      if (child.exitCode === null) await once(child, "close");
      assert.equal(child.exitCode, 0, errors);
      return text
        .trim()
        .split("\n")
        .map((line) => {
          const [count, status, address, shown = ""] = line.split(" ");
          return { count: Number(count), status, address, shown };
        });
    };
  };
  /** Asks for the page's source in some ways on the client and on each server, while something happens. */
  const whileAsked = async (work: () => Promise<unknown>): Promise<Asked[]> => {
    const all = await Promise.all([
      ...["/index.php", "/", "/index.php/more"].map((uri) => asking("client", VIPS, uri)),
      ...SERVERS.map((name) => asking(name, VIPS, "/index.php")),
    ]);
    let asked: Asked[] = [];
    try {
      await work();
    } finally {
      asked = (await Promise.all(all.map((stop) => stop()))).flat();
    }
    return asked;
  };
  const assertNoSource = (asked: Asked[]): void =>
    assert.deepEqual(
      asked.filter(({ shown }) => shown === "SOURCE"),
      [],
    );
  const total = (asked: Asked[], status: string): number =>
    asked.filter((it) => it.status === status).reduce((sum, { count }) => sum + count, 0);

  /** web2 leaves and comes back while its VIP is asked: nothing fails, and both have answered. */
  const failOver = async (uri: string): Promise<void> => {
    const target = { vip: VIP, serverName: NAME, path: uri };
    const load = await startLoad(lab, { targets: [target], requestsPerSecond: 100 });
    try {
      await sleep(500);
      await farm.setState("web2", "maintenance");
      await farm.up();
      assert.equal(await served(), "web1");
      await farm.setState("web2", "active");
      await farm.up();
      await sleep(500);
    } finally {
      const record = await load.stop();
      assert.deepEqual(failures(record), []);
      const servers = record.requests.map(({ server }) => server);
      assert.deepEqual([servers[0], servers.at(-1)], ["web2", "web2"]);
      assert.deepEqual(new Set(servers), new Set(["web1", "web2"]));
      assert.ok(servers.length > 500, `${servers.length} requests`);
    }
  };

  before("a farm in the lab, and PHP on its servers", async () => {
    await farm.take();
    await onServers(`mkdir -p ${ROOT}/wp-content/uploads; cat >${ROOT}/index.php <<'END'
${PAGE}END
      cp ${ROOT}/index.php ${ROOT}/wp-content/uploads/x.php
      systemctl start ${FPM}; systemd-run --quiet --unit=app perl -e '${APPLICATION}'`);
  });
  after("the next has the farm", async () => {
    await onServers(
      `systemctl stop app ${FPM}; a2dismod -q -f ${MODULES}; systemctl reload apache2; rm -rf ${ROOT}`,
    );
    await farm.handOn();
  });

  it("PHP: refused without its module; runs, fails over under load, and never shows source while the site is built and removed", async () => {
    await declare();
    await setLines(PHP);
    const asked = await whileAsked(async () => {
      const refused = await farm.failingUp();
      assert.match(refused, /site php uses a FastCGI handler, but Apache lacks proxy_fcgi_module/);
      assert.match(refused, /Enable it: a2enmod proxy_fcgi/);
      await onServers(`a2enmod -q ${MODULES} && systemctl reload apache2`);
      await farm.up();
      assert.equal(await ask("/index.php?a"), `web2 ran ${ROOT}/index.php for /index.php?a\n200`);
      assert.equal(await ask("/"), `web2 ran ${ROOT}/index.php for /\n200`);
      await remove();
      await declare();
      await setLines(PHP);
      await farm.up();
    });
    assertNoSource(asked);
    assert.ok(total(asked, "200") > 500, JSON.stringify(asked));
    console.log(
      `      ${asked.reduce((sum, { count }) => sum + count, 0)} requests, ${total(asked, "200")} of them with status 200`,
    );
    await failOver("/index.php");
  });

  it("a front controller: serves pretty paths, runs and shows no uploaded file, and fails over under load", async () => {
    await setLines(CONTROLLER);
    await farm.up();
    assert.equal(await ask("/2026/a-post?p=1"), `web2 ran ${ROOT}/index.php for /2026/a-post?p=1\n200`);
    assert.match(await ask("/wp-content/uploads/x.php"), /403$/);
    await failOver("/2026/a-post");
    await setLines([...CONTROLLER, "Fallbak /x"]);
    assert.match(await farm.failingUp(), /\(site php, line 9 of its own: Fallbak\)/);
  });

  it("an application behind the site: fails over under load", async () => {
    await setLines(PROXY);
    await farm.up();
    assert.equal(await ask("/any"), "web2 application\n200");
    await failOver("/any");
  });

  it("a site that goes from an application to PHP, and away, never shows source", async () => {
    const asked = await whileAsked(async () => {
      await setLines(PHP);
      await farm.up();
      await remove();
    });
    assertNoSource(asked);
    assert.ok(total(asked, "200") > 100, JSON.stringify(asked));
  });

  it("a site whose module is removed, or whose PHP has stopped, shows no source, and its health path answers", async () => {
    await declare();
    await setLines(PHP);
    await farm.up();
    await onServers(`systemctl stop ${FPM}`);
    assert.match(await ask("/index.php"), /503$/);
    await onServers(`systemctl start ${FPM}; a2dismod -q -f ${MODULES}; systemctl reload apache2`);
    const answer = await ask("/index.php");
    assert.doesNotMatch(answer, /<\?php/);
    assert.match(answer, /503$/);
    assert.equal(await served(), "web2");
    await onServers(`a2enmod -q ${MODULES} && systemctl reload apache2`);
    assert.match(await ask("/index.php"), /^web2 ran .*\n200$/);
    await remove();
  });

  it("a folder that another virtual host serves is reported: the source of its programs is public there", async () => {
    await onServers(`a2enmod -q ${MODULES} && systemctl reload apache2`);
    await declare("/var/www/html");
    await setLines(PHP);
    assert.match(
      await farm.up(),
      /web1: site php: a virtual host not managed by this stack also serves \/var\/www\/html\/ \(\/etc\/apache2\/sites-enabled\/000-default\.conf:\d+\): if it does not run the site's programs, their source code is public/,
    );
    await remove();
  });
});

/** The lines of a page's YAML examples that have nothing else, in order. */
function examplesOf(page: string): string[][] {
  const text = fs.readFileSync(path.join(checkout, page), "utf8");
  return [...text.matchAll(/^```yaml\n(apache:\n[^]*?)^```$/gm)].map(
    ([, yaml]) => (parse(yaml) as { apache: string[] }).apache,
  );
}
