import type { Role } from "../host/role";

export const ZONE = { concern: "zone", readable: ["served", "left"] } as const satisfies Role;
