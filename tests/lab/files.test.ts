/** What we write on the machines: whose it is, who may read it, and that nobody else makes root write or remove elsewhere. */
import assert from "node:assert/strict";
import { debians } from "../../lab/machines";
import { Farm, emptyLab } from "./support";

/** Type, owner, group and mode of what we write, by path; a later row is for what an earlier one would take, too. */
const OURS: [RegExp, string][] = [
  [/^\/etc\/systemd\/system\/loopback-ha\.[\w.-]+\.service$/, "f root root 644"],
  [/^\/etc\/systemd\/system\/multi-user\.target\.wants(\/loopback-ha\.[\w.-]+\.service)?$/, "- root root"],
  [/^\/etc\/apache2\/sites-enabled\/loopback-ha\.[\w.-]+\.conf$/, "f root root 600"],
  [/^\/etc\/bind\/named\.conf\.local$/, "f root bind 644"],
  [/^\/etc\/bind\/loopback-ha\.conf$/, "f root bind 644"],
  [/^\/etc\/bind\/loopback-ha$/, "d root bind 2755"],
  [/^\/etc\/bind\/loopback-ha\/[a-z0-9.-]+\.zone$/, "f root bind 644"],
  // vtysh notes down what root asks it.
  [/^\/root\/\.history_frr$/, "f root root 600"],
  [/^\/usr\/local\/sbin\/loopback-ha-move$/, "f root root 755"],
  [/^\/etc\/systemd\/networkd\.conf\.d$/, "d root root 755"],
  [/^\/etc\/systemd\/networkd\.conf\.d\/50-loopback-ha\.conf$/, "f root root 644"],
  [/^\/srv\/www(\/\w+)?$/, "d root root 755"],
  [/^\/run\/loopback-ha$/, "d root root 700"],
  [/^\/run\/loopback-ha\/[\w.-]+$/, "f root root 644"],
  // What is about to be installed may hold a secret.
  [/^\/run\/loopback-ha\/text$/, "f root root 600"],
  [/^\/var\/lib\/loopback-ha\/([\w.-]+\/)*[\w.-]+$/, "f root root 644"],
  [/^\/var\/lib\/loopback-ha(\/[\w.-]+(\/versions(\/\w+(\/(pristine|scripts))?)?)?)?$/, "d root root 755"],
  [/^\/var\/lib\/loopback-ha\/[\w.-]+\/versions\/\w+\/(pristine\/)?want(\/private)?$/, "d root root 755"],
  [/^\/var\/lib\/loopback-ha\/.*\/want\/private\/[\w-]+(\.conf)?$/, "f root root 600"],
  [/^\/var\/lib\/loopback-ha\/[\w.-]+\/current$/, "l root root 777"],
];
/** What a running Debian writes by itself. */
const NOT_OURS =
  /^\/(proc|sys|dev|run(?!\/loopback-ha)|var\/(log|cache|lib\/(systemd|frr|apt|dpkg|bind))|tmp\/systemd-private|var\/tmp\/systemd-private)/;

/** As whom one may try to write or read what is ours. */
const OTHERS = ["norights", "www-data", "bind", "frr", "deploy"];

describe("files", function () {
  const farm = new Farm();
  const r1 = (command: string): Promise<string> => farm.sh("r1", command);
  /** On a machine as somebody who is not root. */
  const as = (user: string, machine: string, command: string) =>
    farm.lab.exec(machine, [
      "setpriv",
      "--reuid",
      user,
      "--regid",
      user,
      "--init-groups",
      "bash",
      "-c",
      command,
    ]);

  before("a farm with FRR, and what it is then", async () => {
    await emptyLab(farm.lab);
    await r1("cp -a /etc/frr /root/frr.before; systemctl start frr");
    // Each release of Debian has it otherwise, and we leave it as it is.
    OURS.push([/^\/etc\/frr\/frr\.conf$/, (await r1("stat -c 'f %U %G %a' /etc/frr/frr.conf")).trim()]);
    // On a new disk, the first reading of a folder is a change of it.
    for (const { name } of debians)
      await farm.sh(name, "find / -xdev >/dev/null; sleep 0.1; touch /root/marker; sleep 0.1");
    await farm.build({ "routers.r1.kind": "frr" });
  });
  after("the farm goes", async () => {
    await farm.destroy();
    await r1("systemctl stop frr; rm -rf /etc/frr; mv /root/frr.before /etc/frr");
  });

  for (const { name } of debians) {
    it(`${name}: each file and folder has its owner and mode, and nothing else was written (story)`, async () => {
      const list = `find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o \\( -type d -newer /root/marker -o ! -type d -cnewer /root/marker \\) -printf '%y %u %g %m %p\\n'; find /run/loopback-ha -printf '%y %u %g %m %p\\n'`;
      const found = (await farm.sh(name, list)).trim().split("\n");
      const wrong = found.filter((line) => {
        const [, facts, path] = /^(\S+ \S+ \S+ \S+) (.*)$/.exec(line)!;
        if (NOT_OURS.test(path)) return false;
        const row = OURS.filter(
          ([pattern, is]) => pattern.test(path) && (is[0] === "-" || is[0] === facts[0]),
        ).at(-1);
        if (!row) return !PARENTS.includes(path);
        return row[1].startsWith("- ") ? !facts.includes(row[1].slice(2)) : facts !== row[1];
      });
      assert.deepEqual(wrong, []);
      assert.ok(found.some((line) => line.includes("/var/lib/loopback-ha/")));
    });

    it(`${name}: only root may write any of it, or read what is private (story)`, async () => {
      const places =
        "/var/lib/loopback-ha /etc/systemd/system /etc/apache2 /etc/bind /usr/local/sbin /srv/www";
      for (const user of OTHERS) {
        const { stdout } = await as(
          user,
          name,
          `find ${places} /run/loopback-ha ! -path /etc/bind/rndc.key \\( -writable ! -type l \\) -o -path '*/want/private/*' -type f -readable`,
        );
        assert.equal(stdout, "", user);
        assert.notEqual((await as(user, name, "ls /run/loopback-ha")).code, 0, user);
      }
    });
  }

  describe("a symbolic link that another user made", () => {
    const FOLDER = "/srv/people/norights";
    const setRoot = async (root: string): Promise<void> => {
      await farm.set("sites.people.serverName", "people.widgetco.example");
      await farm.set("sites.people.documentRoot", `${FOLDER}/${root}`);
      await farm.set("sites.people.hostNumber", "9");
    };
    before("a folder of his own on every server", async () => {
      for (const { name } of debians.filter(({ role }) => role === "web"))
        await farm.sh(
          name,
          `install -d -o norights -g norights ${FOLDER} && install -d /var/lib/victim/site`,
        );
    });
    afterEach("without his site", async () => {
      await farm.drop("sites.people");
      await farm.up({ LOOPBACK_HA_FORCE_REMOVAL: "1" });
      assert.equal((await farm.sh("web1", "ls /var/lib/victim")).trim(), "site");
    });

    it("gets no document root behind it, and the machine stays as it was", async () => {
      await as("norights", "web1", `ln -s /var/lib/victim ${FOLDER}/www`);
      await setRoot("www/made");
      const said = await farm.failingUp();
      assert.match(
        said,
        /web1: can't create the document root \S+, or a link on the path to it is owned by a user other than root/,
      );
      assert.deepEqual(await farm.serving(), ["web1", "web2", "web3", "web4"]);
      assert.equal(await farm.sh("web1", "ls /var/lib/loopback-ha/*/in-doubt 2>/dev/null || true"), "");
      await farm.sh("web1", `rm ${FOLDER}/www`);
    });

    it("does not make a removal delete a document root elsewhere", async () => {
      await setRoot("home/site");
      await farm.up();
      await as("norights", "web1", `mv ${FOLDER}/home ${FOLDER}/was && ln -s /var/lib/victim ${FOLDER}/home`);
    });
  });

  describe("FRR's folder belongs to its user", () => {
    const flip = async (state: string): Promise<string> => {
      await farm.setState("web2", state);
      return farm.up();
    };
    afterEach(() => flip("active"));

    it("a link in place of a file that loopback-ha writes is not followed", async () => {
      await r1("echo untouched >/root/victim");
      const { code } = await as("frr", "r1", "ln -s /root/victim /etc/frr/frr.conf.loopback-ha-new");
      assert.equal(code, 0);
      await flip("maintenance");
      assert.equal(
        await r1("stat -c '%U %a' /root/victim; cat /root/victim; ls /etc/frr"),
        `root 644\nuntouched\n${await r1("ls /etc/frr")}`,
      );
      assert.doesNotMatch(await r1("ls /etc/frr"), /loopback-ha-new/);
      assert.match(await r1("cat /etc/frr/frr.conf"), /ip route 192\.0\.2\.64\/27 192\.0\.2\.2 tag/);
    });

    it("a link in place of its configuration is refused, and discloses nothing", async () => {
      await as("frr", "r1", "mv /etc/frr/frr.conf /etc/frr/kept && ln -s /etc/shadow /etc/frr/frr.conf");
      await farm.setState("web2", "maintenance");
      const said = await farm.failingUp();
      assert.match(said, /r1: FRR's \/etc\/frr\/frr\.conf could not be written/);
      assert.match(
        await r1("stat -c '%N %U %a' /etc/frr/frr.conf /etc/shadow"),
        /-> '\/etc\/shadow' frr 777\n'\/etc\/shadow' root 640/,
      );
      await r1("mv -T /etc/frr/kept /etc/frr/frr.conf");
    });
  });

  it("neither a lock that any user may take nor named's pid file holds up a look", async () => {
    const holder = await farm.lab.spawn("ns1", [
      "setpriv",
      "--reuid",
      "norights",
      "--clear-groups",
      "flock",
      "/var/lib/loopback-ha",
      "sleep",
      "60",
    ]);
    await as(
      "bind",
      "ns1",
      "cp /run/named/named.pid /run/named/kept && rm /run/named/named.pid && mkfifo /run/named/named.pid",
    );
    try {
      const { stdout, stderr } = await farm.project.pulumi(["preview", "--stack", "lab"]);
      assert.doesNotMatch(stdout + stderr, /ns1: drift unknown/);
    } finally {
      holder.kill();
      await farm.sh("ns1", "mv -T /run/named/kept /run/named/named.pid");
    }
  });
});

/** Folders in which something of ours lies, whose time changes with it. */
const PARENTS = [
  "/",
  ..."/etc /etc/apache2 /etc/apache2/sites-enabled /etc/bind /etc/frr /etc/systemd /etc/systemd/system /root /root/marker /run /srv /tmp /usr /usr/local /usr/local/sbin /var/lib /var/tmp".split(
    " ",
  ),
];
