/** Whose the machines are: a stack is known on them by its project and its name, and takes nothing over from another. Pure. */
import { FarmModel, boundVips } from "./config";
import { Concern, instanceIn } from "./host/instance";
import type { InstanceFiles, Observation } from "./host/observe";
import { routerKind } from "./routerRoute/kinds";

/** Something of this farm on a machine, and how to see that what another stack has there is the same. */
interface Part {
  machine: string;
  component: string;
  concern: string;
  isShared: (files: InstanceFiles) => boolean;
}

/**
 * Another stack that has this very farm on its machines, where this one has nothing: it was renamed, or its config was copied.
 *
 * @param stack `project/stack`
 * @returns what to say, with both names; undefined: there is none
 */
export function describeFormerStack(
  farm: FarmModel,
  stack: string,
  found: Map<string, Observation>,
): string | undefined {
  const held = partsOf(farm).flatMap((part) => {
    const instances = new Map(Object.entries(found.get(part.machine)?.instances ?? {}));
    if (instances.has(instanceIn(stack, part.component, part.concern))) return [];
    return [...instances].flatMap(([instance, files]) => {
      const other = files.meta?.find((line) => line.startsWith("stack="))?.slice("stack=".length);
      const isItsOwn = other !== undefined && instanceIn(other, part.component, part.concern) === instance;
      return isItsOwn && part.isShared(files) ? [{ machine: part.machine, other }] : [];
    });
  });
  if (held.length === 0) return undefined;
  const [{ other }] = held;
  const machines = [...new Set(held.filter((each) => each.other === other).map(({ machine }) => machine))];
  return `${machines.join(", ")} ${machines.length > 1 ? "have" : "has"} this farm from stack ${other}, and this is stack ${stack}: no stack takes over what another one has built. If ${other} was renamed, rename it back: ${wayBack(other, stack)}. If this is a copy of its config, give the copy machines and addresses of its own, or destroy ${other} first`;
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
      concern: routerKind(kind).concern,
      isShared: ({ routes = [] }) => routes.some((line) => prefixes.has(line.split(" ")[0])),
    })),
    ...farm.servers.map(({ name }): Part => ({
      machine: name,
      component: `${POOL}-${name}`,
      concern: Concern.Vhosts,
      isShared: ({ sites = [] }) => sites.some((line) => line.split(/[ ,]/).some((word) => vips.has(word))),
    })),
    // A zone is known by its name alone.
    ...farm.zones.flatMap(({ zone, nameServers }) =>
      nameServers.map((machine): Part => ({
        machine,
        component: zone,
        concern: Concern.Zone,
        isShared: () => true,
      })),
    ),
  ];
}

/** The pool of a stack's program. */
export const POOL = "web";
