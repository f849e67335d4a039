import type { RoleManifest } from "../host/roleManifest";

export const VIPS = { name: "vips", readable: [] } as const satisfies RoleManifest;
