/** As many servers as the lab has room for: what is different from four is how VIPs are divided, and how many machines a run is about. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { whoServes } from "../../../lab/client";
import { Lab } from "../../../lab/lab";
import { addressOf, furtherServers, machines, mostServers } from "../../../lab/machines";
import { Project } from "../../../lab/project";
import { endOtherLab } from "../../twoAtATime";
import { emptyLab, textOf } from "../support";

const SITES = 10;
const servers = [...machines.filter(({ role }) => role === "web"), ...furtherServers];
const names = servers.map(({ name }) => name);
/** By VIP. */
type Places = Map<string, string>;

/** A VIP is a unit; two at home on each server, neighbours on different ones. */
function config(): string {
  const vips = [32, 64, 96, 128].flatMap((subnet) =>
    Array.from({ length: SITES }, (_, i) => `192.0.2.${subnet + i + 1}`),
  );
  const homes = vips.map((vip, i) => `    "${vip}/32": ${names[i % names.length]}\n`);
  const sites = Array.from(
    { length: SITES },
    (_, i) =>
      `    s${i + 1}: { serverName: s${i + 1}.widgetco.example, documentRoot: /srv/www/s${i + 1}, hostNumber: ${i + 1} }\n`,
  );
  return `config:
  loopback-ha:network: { block: 192.0.2.0/24, subnetPrefix: 27, vipSubnets: 4, granularity: host }
  loopback-ha:servers:
${servers.map((server) => `    ${server.name}: { address: ${addressOf(server)} }\n`).join("")}  loopback-ha:routers: { r1: { address: 192.0.2.1 } }
  loopback-ha:nameServers: { ns1: { address: 192.0.2.10 } }
  loopback-ha:zones:
    widgetco.example: { contact: hostmaster@widgetco.example, ttl: 60 }
  loopback-ha:homes:
${homes.join("")}  loopback-ha:sites:
${sites.join("")}`;
}

describe("a farm of 20 servers", function () {
  this.timeout(900_000);
  const lab = new Lab();
  let project: Project;
  let healthPath: string;

  before("sixteen more servers than usual", async () => {
    assert.equal(servers.length, mostServers);
    await endOtherLab();
    await emptyLab(lab);
    await lab.up({ servers: mostServers });
    project = new Project(lab);
    fs.writeFileSync(project.file("Pulumi.lab.yaml"), config());
    await project.init();
  });
  after("they are gone, with all that was made", async () => {
    const result = await project?.destroy();
    project?.remove();
    await lab.removeFurther();
    assert.equal(result?.code, 0);
    assert.equal(lab.status().length, machines.length);
  });

  const up = async (): Promise<string> => {
    const result = await project.up();
    assert.equal(result.code, 0, textOf(result));
    return textOf(result);
  };

  /** What the router's table says, which must be what clients get. */
  async function places(): Promise<Places> {
    const { stdout } = await lab.exec("r1", ["ip", "-json", "route", "show"], { check: true });
    const routes = JSON.parse(stdout) as { dst: string; gateway?: string }[];
    const serverAt = new Map(servers.map((server) => [addressOf(server), server.name]));
    const table = new Map(
      routes.flatMap(({ dst, gateway }): [string, string][] => {
        const server = serverAt.get(gateway ?? "");
        return server === undefined ? [] : [[dst.replace("/32", ""), server]];
      }),
    );
    const sites = (await project.output("sites")) as Record<string, string[]>;
    const vips = Object.entries(sites).flatMap(([site, all]) => all.map((vip) => ({ site, vip })));
    assert.deepEqual([...table.keys()].sort(), vips.map(({ vip }) => vip).sort());
    // One after the other: the machines share a processor or two.
    for (const { site, vip } of vips)
      assert.equal(await whoServes(lab, vip, `${site}.widgetco.example`, healthPath), table.get(vip), vip);
    return table;
  }

  const carriedBy = (table: Places, server: string): string[] =>
    [...table].filter(([, name]) => name === server).map(([vip]) => vip);
  const counts = (table: Places): number[] => names.map((name) => carriedBy(table, name).length);

  /** Only the VIPs of one server have moved, each to another server: displaced units fill up the active ones evenly. */
  function onlyThoseOf(server: string, before: Places, now: Places): void {
    const moved = [...before].filter(([vip, name]) => now.get(vip) !== name);
    assert.deepEqual(
      moved,
      carriedBy(before, server).map((vip) => [vip, server]),
    );
    const takers = moved.map(([vip]) => now.get(vip));
    assert.equal(new Set(takers).size, moved.length);
    assert.deepEqual(
      counts(now),
      names.map((name) => (name === server ? 0 : takers.includes(name) ? 3 : 2)),
    );
  }

  let athome: Places;

  it("comes up in one run, two VIPs of forty on each server", async () => {
    await up();
    healthPath = (await project.output("healthPath")) as string;
    athome = await places();
    assert.deepEqual(
      counts(athome),
      names.map(() => 2),
    );
  });

  it("has nothing to change in a second run", async () => {
    assert.match(await up(), /Resources:\n +\d+ unchanged\n/);
  });

  it("moves only the VIPs of a server in maintenance, and they come home", async () => {
    await project.set("servers.web13.state", "maintenance");
    await up();
    onlyThoseOf("web13", athome, await places());
    await project.set("servers.web13.state", "active");
    await up();
    assert.deepEqual(await places(), athome);
  });

  it("survives the crash of a server, and takes it back", async () => {
    await lab.crash("web7");
    await project.set("servers.web7.state", "down");
    await up();
    onlyThoseOf("web7", athome, await places());
    await lab.start("web7");
    for (const state of ["maintenance", "active"]) {
      await project.set("servers.web7.state", state);
      await up();
    }
    assert.deepEqual(await places(), athome);
  });
});
