import type { RoleManifest } from "../host/roleManifest";
import { setServerDown } from "../network/serverState";

export const VIPS = { name: "vips", readable: [], ifDead: setServerDown } as const satisfies RoleManifest;
