import assert from "node:assert/strict";
import { FarmModel, readFarm } from "../../components/config";
import { Observation } from "../../components/host/observe";
import {
  describeFormerStack,
  describeTakeOver,
  findFormerStack,
  refuseFormerStack,
  underNewName,
} from "../../components/preflight/identity";

function farmOf(rest: Record<string, unknown> = {}): FarmModel {
  return readFarm({
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
    servers: { web1: { address: "192.0.2.2" }, web2: { address: "192.0.2.3" } },
    routers: { r1: { address: "192.0.2.1" } },
    nameServers: { ns1: { address: "192.0.2.5" } },
    zones: { "widgetco.example": { contact: "hostmaster@widgetco.example" } },
    sites: { www: { serverName: "www.widgetco.example", documentRoot: "/srv/www", hostNumber: 1 } },
    ...rest,
  });
}

/** Instances of a stack on machines, as "MACHINE COMPONENT.ROLE FILE LINE". */
function seen(stack: string, ...rows: string[]): Map<string, Observation> {
  const found = new Map<string, Observation>();
  for (const row of rows) {
    const [, machine, part, file, line] = /^(\S+) (\S+) (\S+) (.*)$/.exec(row)!;
    const observation = found.get(machine) ?? { now: 1, instances: {} };
    observation.instances[`${stack.replace("/", ".")}.${part}`] = {
      meta: [`stack=${stack}`],
      [file]: [line],
    };
    found.set(machine, observation);
  }
  return found;
}
const FARM = [
  "r1 r1.linux-routes routes 192.0.2.32/27 web1 192.0.2.2",
  "web1 web-web1.vhosts sites www www.widgetco.example 192.0.2.33,192.0.2.65 /srv/www",
  "web2 web-web2.vhosts sites www www.widgetco.example 192.0.2.33,192.0.2.65 /srv/www",
  "ns1 widgetco.example.zone served 60 www.widgetco.example 192.0.2.33",
];

describe("a stack that finds its farm built by another (stack renamed)", () => {
  const said = (stack: string, found: Map<string, Observation>): string | undefined => {
    const former = findFormerStack(farmOf(), stack, found);
    return former && refuseFormerStack(former, stack);
  };

  it("says both names and the way back, after the stack, the project or both were renamed", () => {
    const found = seen("farm/lab", ...FARM);
    assert.equal(
      said("farm/production", found),
      "r1, web1, web2, ns1 have this farm from stack farm/lab, but this is stack farm/production, whose state does not contain it: a stack can't take over what another stack built. " +
        "If farm/lab was renamed, rename it back (pulumi stack rename lab), run pulumi up once, then rename it again. If this is a copy of its config, give the copy its own machines and addresses, or destroy farm/lab first",
    );
    assert.match(
      said("shop/lab", found)!,
      /rename it back \('name: farm' in Pulumi\.yaml\), run pulumi up once/,
    );
    assert.match(
      said("shop/prod", found)!,
      /rename it back \('name: farm' in Pulumi\.yaml, and pulumi stack rename lab\), run pulumi up once/,
    );
  });

  it("is found by any single machine", () => {
    for (const row of FARM) {
      const machine = row.split(" ")[0];
      assert.match(said("farm/prod", seen("farm/lab", row))!, new RegExp(`^${machine} has this farm from`));
    }
  });

  it("says nothing about its own farm, about an empty machine, or about one that could not be looked at", () => {
    assert.equal(said("farm/lab", seen("farm/lab", ...FARM)), undefined);
    assert.equal(said("farm/prod", new Map()), undefined);
    assert.equal(said("farm/prod", new Map([["r1", { failure: "off", now: 0, instances: {} }]])), undefined);
  });

  it("says nothing about another stack that shares machines and has its own addresses", () => {
    const other = seen(
      "farm/lab",
      "r1 r1.linux-routes routes 192.0.2.128/27 web1 192.0.2.2",
      "web1 web-web1.vhosts sites www www.widgetco.example 192.0.2.129 /srv/www",
      "ns1 other.example.zone served 60 www.other.example 192.0.2.129",
      "r1 edge.linux-routes routes 192.0.2.32/27 web1 192.0.2.2",
    );
    assert.equal(said("farm/prod", other), undefined);
  });

  it("says nothing about a machine that has this stack, too: the machine says which was first", () => {
    const both = seen("farm/lab", ...FARM);
    for (const [machine, { instances }] of seen("farm/prod", ...FARM))
      Object.assign(both.get(machine)!.instances, instances);
    assert.equal(said("farm/prod", both), undefined);
  });

  it("status names both, and preview says what the next run does", () => {
    const former = findFormerStack(farmOf(), "farm/prod", seen("farm/lab", ...FARM))!;
    assert.deepEqual(former.instances, [
      "farm.lab.r1.linux-routes",
      "farm.lab.web-web1.vhosts",
      "farm.lab.web-web2.vhosts",
      "farm.lab.widgetco.example.zone",
    ]);
    assert.match(
      describeFormerStack(former, "farm/prod"),
      /from stack farm\/lab, but this is stack farm\/prod\. If farm\/lab was renamed, pulumi up takes over everything in place/,
    );
    assert.match(
      describeTakeOver(former, "farm/prod"),
      /^this stack was renamed from farm\/lab to farm\/prod: pulumi up renames what it has on r1, web1, web2, ns1 in place/,
    );
  });

  it("the farm that was found is the stack's own once it is taken over, and no other is", () => {
    const lab = seen("farm/lab", ...FARM);
    Object.assign(lab.get("r1")!.instances, seen("farm/labx", FARM[0]).get("r1")!.instances);
    const renamed = new Map(
      [...lab].map(([machine, each]) => [machine, underNewName(each, "farm/lab", "shop/prod")]),
    );
    const expected = seen("shop/prod", ...FARM);
    Object.assign(expected.get("r1")!.instances, seen("farm/labx", FARM[0]).get("r1")!.instances);
    assert.deepEqual(renamed, expected);
    assert.equal(findFormerStack(farmOf(), "shop/prod", renamed), undefined);
  });
});
