import type { RoleManifest } from "../host/roleManifest";

export const ZONE = { name: "zone", readable: ["served", "left"] } as const satisfies RoleManifest;
