import type { RoleManifest } from "../host/roleManifest";

export const VHOSTS = {
  name: "vhosts",
  readable: ["current/want/sites", "current/want/certificates"],
} as const satisfies RoleManifest;
