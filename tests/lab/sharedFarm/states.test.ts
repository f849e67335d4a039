import assert from "node:assert/strict";
import * as fs from "node:fs";
import { whoServes } from "../../../lab/client";
import { ExecResult } from "../../../lab/lab";
import { Project, labUser } from "../../../lab/project";
import { RouterMoves } from "../../../components/network/moves";
import { Farm, hold } from "../support";

const WIDGETCO = ["192.0.2.37", "192.0.2.69", "192.0.2.101", "192.0.2.133"];
const SERVERS = ["web1", "web2", "web3", "web4"];
const ADDRESS: Record<string, string> = { web2: "192.0.2.3", web4: "192.0.2.5" };
/** Stands before ssh and notes whom it is to reach. */
const NOTING_SSH = `#!/bin/sh
for word; do case $word in *@*) echo "$word" >>"$SSH_CALLS"; break ;; esac; done
exec /usr/bin/ssh "$@"
`;

describe("states of a server", () => {
  const farm = new Farm();
  const { lab } = farm;
  let project: Project;
  let healthPath: string;
  let env: Record<string, string>;

  const text = (result: ExecResult): string => result.stdout + result.stderr;
  const up = async (): Promise<string> => {
    const result = await project.up({ env });
    assert.equal(result.code, 0, text(result));
    return text(result);
  };
  /** An up that is green and makes no attempt to reach a machine; gives what it printed. */
  const upWithout = async (name: string): Promise<string> => {
    fs.writeFileSync(env.SSH_CALLS, "");
    const began = Date.now();
    const printed = await up();
    const seconds = (Date.now() - began) / 1000;
    const calls = fs.readFileSync(env.SSH_CALLS, "utf8");
    assert.match(calls, /192\.0\.2\.1\n/, "the router is reached by ssh");
    assert.doesNotMatch(calls, new RegExp(`${ADDRESS[name]}\n`));
    assert.ok(seconds < 30, `${seconds} s`);
    return printed;
  };
  const set = (server: string, state: string): Promise<void> => project.set(`servers.${server}.state`, state);
  const addSite = async (name: string, hostNumber: number): Promise<void> => {
    await project.set(`sites.${name}.serverName`, `${name}.widgetco.example`);
    await project.set(`sites.${name}.documentRoot`, `/srv/www/${name}`);
    await project.set(`sites.${name}.hostNumber`, String(hostNumber));
  };
  const serving = (): Promise<string[]> =>
    Promise.all(WIDGETCO.map((vip) => whoServes(lab, vip, "www.widgetco.example", healthPath)));
  /** Who serves the VIP that web2 has at home, for a client that asks from this port. */
  const servesPort = (port: number): Promise<string> =>
    whoServes(lab, WIDGETCO[1], "www.widgetco.example", healthPath, port);
  const hasSite = async (server: string, site: string): Promise<boolean> => {
    const list = "cat /var/lib/loopback-ha/*.vhosts/current/want/sites";
    return (await lab.exec(server, ["bash", "-c", list])).stdout.includes(`${site} `);
  };
  /** Steps of a preview that are not "same", by resource name. */
  const changes = async (): Promise<string[]> => {
    const { stdout } = await project.pulumi(["preview", "--json", "--stack", "lab"], { check: true, env });
    const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
    return steps.filter(({ op }) => op !== "same").map(({ op, urn }) => `${op} ${urn.split("::").pop()}`);
  };

  before("a farm in the lab", async () => {
    await farm.take();
    ({ project, healthPath } = farm);
    const bin = project.file("bin");
    fs.mkdirSync(bin);
    fs.writeFileSync(`${bin}/ssh`, NOTING_SSH, { mode: 0o755 });
    env = { PATH: `${bin}:${process.env.PATH}`, SSH_CALLS: project.file("ssh-calls") };
  });
  after("the next has the farm", async () => {
    for (const name of SERVERS) await lab.start(name);
    await farm.handOn();
  });

  it("crashed: an up with a change for it ends red, and names the next step (story)", async () => {
    await lab.crash("web2");
    // It shall still be there two tests later, on a slow host, too.
    await lab.exec("r1", ["sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_timeout_syn_sent=600"], {
      check: true,
    });
    assert.equal(await servesPort(40_001), "000");
    await addSite("sprockets", 7);
    const result = await project.up({ env });
    assert.notEqual(result.code, 0);
    assert.match(
      text(result),
      /web2 does not answer.*; if it is dead, set servers\.web2\.state to down and run/,
    );
  });

  it("down: the next up is green and quick, and does not try to reach it", async () => {
    await set("web2", "down");
    await upWithout("web2");
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
    assert.deepEqual(await changes(), []);
  });

  it("down: changes reach the other servers, and are no change for this one", async () => {
    await addSite("cogs", 8);
    const planned = await changes();
    assert.ok(planned.includes("update web-vhosts-web3-192.0.2.4"), planned.join("\n"));
    assert.deepEqual(
      planned.filter((change) => change.includes("web2")),
      [],
    );
    await upWithout("web2");
    for (const name of ["web1", "web3", "web4"]) assert.equal(await hasSite(name, "cogs"), true, name);
  });

  it("maintenance: it gets what it missed, is kept up to date, and carries nothing", async () => {
    await lab.start("web2");
    assert.equal(await hasSite("web2", "cogs"), false);
    await set("web2", "maintenance");
    await up();
    // conntrack still knows what nobody answered before.
    const listed = await lab.exec("r1", ["conntrack", "-L", "-p", "tcp", "--sport", "40001"], {
      check: true,
    });
    assert.match(listed.stdout, /SYN_SENT/);
    await lab.exec("r1", ["sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_timeout_syn_sent=120"], {
      check: true,
    });
    assert.equal(await servesPort(40_001), "web1");
    for (const site of ["sprockets", "cogs"]) assert.equal(await hasSite("web2", site), true, site);
    await addSite("levers", 9);
    await up();
    assert.equal(await hasSite("web2", "levers"), true);
    assert.deepEqual(await serving(), ["web1", "web1", "web3", "web4"]);
    assert.deepEqual(await changes(), []);
  });

  it("active: its VIP subnets come home", async () => {
    await set("web2", "active");
    await up();
    assert.deepEqual(await serving(), SERVERS);
    assert.equal(await whoServes(lab, "192.0.2.73", "levers.widgetco.example", healthPath), "web2");
  });

  it("a server that is removed from the config while it is down is left alone", async () => {
    await set("web4", "down");
    await upWithout("web4");
    await project.drop("servers.web4");
    await upWithout("web4");
    assert.deepEqual(await serving(), ["web1", "web2", "web3", "web1"]);
    assert.equal(await hasSite("web4", "cogs"), true);
    const { stdout } = await project.pulumi(["stack", "export", "--stack", "lab"], { check: true });
    assert.doesNotMatch(stdout, /web4/);
  });

  it("a new server may be added as down: nothing is done until it is in maintenance, and up says so", async () => {
    await project.set("servers.web4.address", ADDRESS.web4);
    await set("web4", "down");
    assert.match(await upWithout("web4"), /web4 is down: nothing was done/);
    assert.deepEqual(await changes(), []);
    await addSite("wheels", 10);
    await upWithout("web4");
    assert.deepEqual(await serving(), ["web1", "web2", "web3", "web1"]);
    await set("web4", "maintenance");
    await up();
    assert.equal(await hasSite("web4", "wheels"), true);
    assert.deepEqual(await changes(), []);
    await set("web4", "active");
    await up();
    assert.deepEqual(await serving(), SERVERS);
  });

  describe("the report of what will move", () => {
    const moves = (): { routers: RouterMoves[] } =>
      JSON.parse(fs.readFileSync(project.file("moves.json"), "utf8")) as { routers: RouterMoves[] };
    const preview = (file = "moves.json"): Promise<ExecResult> =>
      project.pulumi(["preview", "--stack", "lab"], { env: { ...env, LOOPBACK_HA_MOVES_FILE: file } });

    it("names the prefix, the servers and the sites, and nothing when nothing moves", async () => {
      const idle = await preview();
      assert.equal(idle.code, 0, text(idle));
      assert.doesNotMatch(text(idle), /r1: /);
      assert.deepEqual(moves().routers[0].moves, []);
      await set("web3", "maintenance");
      const held = await hold(lab, "192.0.2.101", 60);
      const flip = text(await preview());
      await held.end();
      assert.match(flip, /r1: 192\.0\.2\.96\/27: via web3 => via web1 \(sites cogs, gadgets, /);
      assert.match(flip, /; 1 open connection stays with web3 until the end/);
      assert.match(flip, /web3 1 of 4 \(25 %\) => 0 of 4 \(0 %\)/);
      const [
        {
          router,
          moves: [move, ...more],
        },
      ] = moves().routers;
      assert.deepEqual([router, move.prefix, move.from, move.to], ["r1", "192.0.2.96/27", "web3", "web1"]);
      assert.deepEqual(move.flows, [{ server: "web3", count: 1, fate: "stay" }]);
      assert.deepEqual(more, []);
      await up();
      assert.deepEqual(await serving(), ["web1", "web2", "web1", "web4"]);
      await set("web3", "active");
      await up();
    });

    it("reports from the config alone when the router can't be reached", async () => {
      await set("web3", "maintenance");
      await lab.exec("r1", ["systemctl", "stop", "ssh.socket", "ssh"]);
      await lab.exec("operator", [
        "ssh",
        "-o",
        "ControlPath=~/.ssh/loopback-ha-%C",
        "-O",
        "exit",
        `${labUser}@192.0.2.1`,
      ]);
      const blind = text(await preview());
      await lab.exec("r1", ["systemctl", "start", "ssh"]);
      await set("web3", "active");
      assert.match(
        blind,
        /r1: not looked at \(r1 does not answer over ssh .*according to the config, these are away from home:/,
      );
      assert.match(blind, /r1: 192\.0\.2\.96\/27: home web3 => via web1/);
      assert.match(moves().routers[0].failure ?? "", /^r1 does not answer/);
    });

    it("fails when its file can't be written", async () => {
      const { code, stdout } = await preview("nowhere/moves.json");
      assert.notEqual(code, 0);
      assert.match(stdout, /LOOPBACK_HA_MOVES_FILE: "nowhere\/moves\.json" can't be written/);
    });

    it("warns of homes that shift because a server leaves, with the commands that keep them", async () => {
      await set("web2", "maintenance");
      await up();
      const config = fs.readFileSync(project.file("Pulumi.lab.yaml"), "utf8");
      await project.drop("servers.web2");
      const printed = text(await preview());
      const keep = printed.match(/pulumi config set --path 'homes\S+ web\d/g) ?? [];
      assert.deepEqual(
        keep.map((line) => line.slice(-28)),
        [`homes["192.0.2.96/27"]' web3`, `homes["192.0.2.128/27"]' web4`].map((line) => line.slice(-28)),
      );
      for (const line of keep)
        await lab.exec("operator", ["bash", "-ec", `${line} --stack lab`], {
          cwd: project.folder,
          env: project.env,
        });
      assert.doesNotMatch(text(await preview()), /a new home/);
      assert.deepEqual(
        moves().routers[0].moves.map(({ prefix }) => prefix),
        ["192.0.2.64/27"],
      );
      fs.writeFileSync(project.file("Pulumi.lab.yaml"), config);
      await set("web2", "active");
      await up();
    });
  });

  it("VIP by VIP: the sites of a server in maintenance spread over all others; an override wins", async () => {
    await project.set("network.granularity", "host");
    await up();
    assert.deepEqual(await serving(), SERVERS);
    await set("web2", "maintenance");
    await project.set('overrides["192.0.2.37/32"]', "web3");
    await up();
    const placed = (await project.output("serving")) as Record<string, string>;
    const displaced = Array.from({ length: 6 }, (_, i) => placed[`192.0.2.${69 + i}/32`]);
    assert.deepEqual(new Set(displaced), new Set(["web1", "web3", "web4"]));
    assert.deepEqual(await serving(), ["web3", displaced[0], "web3", "web4"]);
    await set("web2", "active");
    await project.drop("overrides");
    await project.set("network.granularity", "subnet");
    await up();
    assert.deepEqual(await serving(), SERVERS);
  });
});
