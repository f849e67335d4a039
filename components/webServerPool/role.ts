import type { RoleManifest } from "../host/roleManifest";
import { setServerDown } from "../network/serverState";

export const VHOSTS = {
  name: "vhosts",
  readable: ["current/want/sites", "current/want/certificates"],
  oneFirst: true,
  ifDead: setServerDown,
} as const satisfies RoleManifest;
