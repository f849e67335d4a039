/** Whose the machines are: a stack is known on them by its project and its name, and takes nothing over from another. Pure. */
import { FarmModel, boundVips } from "../config";
import { instanceIn } from "../host/instance";
import { Role } from "./roles";
import { zoneComponent } from "../dnsRoundRobin/names";
import type { InstanceFiles, Observation } from "../host/observe";
import { parseRoute } from "../routerRoute/lineFormats";
import { routerKind } from "../routerRoute/kindRegistry";
import { namesOf } from "../webServerPool/lineFormats.cjs";

/** Something of this farm on a machine, and how to see that what another stack has there is the same. */
interface Part {
  machine: string;
  component: string;
  role: string;
  isShared: (files: InstanceFiles) => boolean;
}

/** Another stack that has this very farm on its machines, where this one has nothing: it was renamed, or its config was copied. */
export interface FormerStack {
  /** Its `project/stack`. */
  other: string;
  machines: string[];
  /** What it has there, by the names on the machines. */
  instances: string[];
}

/**
 * @param stack `project/stack`
 * @returns undefined: there is none
 */
export function findFormerStack(
  farm: FarmModel,
  stack: string,
  found: Map<string, Observation>,
): FormerStack | undefined {
  const held = partsOf(farm).flatMap((part) => {
    const instances = new Map(Object.entries(found.get(part.machine)?.instances ?? {}));
    if (instances.has(instanceIn(stack, part.component, part.role))) return [];
    return [...instances].flatMap(([instance, files]) => {
      const other = stackOf(files);
      const isItsOwn = other !== undefined && instanceIn(other, part.component, part.role) === instance;
      return isItsOwn && part.isShared(files) ? [{ machine: part.machine, instance, other }] : [];
    });
  });
  if (held.length === 0) return undefined;
  const [{ other }] = held;
  const its = held.filter((each) => each.other === other);
  return {
    other,
    machines: [...new Set(its.map(({ machine }) => machine))],
    instances: its.map(({ instance }) => instance),
  };
}

const stackOf = (files: InstanceFiles): string | undefined =>
  files.meta?.find((line) => line.startsWith("stack="))?.slice("stack=".length);

const whatItHas = ({ other, machines }: FormerStack, stack: string): string =>
  `${machines.join(", ")} ${machines.length > 1 ? "have" : "has"} this farm from stack ${other}, but this is stack ${stack}`;

/** For who does not know the state: both names, and what to do. */
export function describeFormerStack(former: FormerStack, stack: string): string {
  return `${whatItHas(former, stack)}. If ${former.other} was renamed, pulumi up takes over everything in place; pulumi preview shows whether it can`;
}

/** Why this stack may not take over, where its state does not have what the other one built. */
export function refuseFormerStack(former: FormerStack, stack: string): string {
  const { other } = former;
  return `${whatItHas(former, stack)}, whose state does not contain it: a stack can't take over what another stack built. If ${other} was renamed, rename it back (${wayBack(other, stack)}), run pulumi up once, then rename it again. If this is a copy of its config, give the copy its own machines and addresses, or destroy ${other} first`;
}

/** What the next run does after a rename. */
export function describeTakeOver({ other, machines }: FormerStack, stack: string): string {
  return `this stack was renamed from ${other} to ${stack}: pulumi up renames what it has on ${machines.join(", ")} in place; visitors notice nothing`;
}

/** What was found, as it will be called after that. */
export function underNewName(observation: Observation, other: string, stack: string): Observation {
  const before = instanceIn(other, "", "").slice(0, -1);
  const now = instanceIn(stack, "", "").slice(0, -1);
  const instances = Object.entries(observation.instances).map(([name, files]): [string, InstanceFiles] =>
    stackOf(files) === other && name.startsWith(before)
      ? [
          `${now}${name.slice(before.length)}`,
          { ...files, meta: files.meta.map((line) => (line === `stack=${other}` ? `stack=${stack}` : line)) },
        ]
      : [name, files],
  );
  return { ...observation, instances: Object.fromEntries(instances) };
}

function wayBack(other: string, stack: string): string {
  const [[project, name], [nowProject, nowName]] = [other.split("/"), stack.split("/")];
  return [
    ...(project === nowProject ? [] : [`'name: ${project}' in Pulumi.yaml`]),
    ...(name === nowName ? [] : [`pulumi stack rename ${name}`]),
  ].join(", and ");
}

function partsOf(farm: FarmModel): Part[] {
  const prefixes = new Set(farm.placement.map(({ prefix }) => prefix));
  const vips = new Set(farm.sites.flatMap((site) => boundVips(site)));
  return [
    ...farm.routers.map(({ name, kind }): Part => ({
      machine: name,
      component: name,
      role: routerKind(kind).role,
      isShared: ({ routes = [] }) => routes.some((line) => prefixes.has(parseRoute(line).prefix)),
    })),
    ...farm.servers.map(({ name }): Part => ({
      machine: name,
      component: `${POOL}-${name}`,
      role: Role.Vhosts,
      isShared: ({ sites = [] }) => sites.flatMap(namesOf).some(({ address }) => vips.has(address)),
    })),
    // A zone is known by its name alone.
    ...farm.zones.flatMap(({ zone, nameServers }) =>
      nameServers.map((machine): Part => ({
        machine,
        component: zoneComponent(zone),
        role: Role.Zone,
        isShared: () => true,
      })),
    ),
  ];
}

/** The pool of a stack's program. */
export const POOL = "web";
