/** What a host command brings to a machine. The concerns of routers are in routerRoute/kinds.ts. */
export enum Concern {
  Vips = "vips",
  Vhosts = "vhosts",
  Zone = "zone",
}

/**
 * A zone's component, whose name is part of file names and begins with a letter or a digit. Zones have no capitals, so no
 * two get one name.
 */
export function zoneComponent(zone: string): string {
  return `${zone.startsWith("_") ? "ZONE-" : ""}${zone.replaceAll("/", "-SLASH-")}`;
}

/** @returns the name under which a component's concern of a stack (`project/stack`) lives on a machine */
export function instanceIn(stack: string, component: string, concern: string): string {
  return `${stack.replace("/", ".")}.${component}.${concern}`;
}
