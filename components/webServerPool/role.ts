import type { Role } from "../host/role";

export const VHOSTS = {
  concern: "vhosts",
  readable: ["current/want/sites", "current/want/certificates"],
} as const satisfies Role;
