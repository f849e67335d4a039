import type { Role } from "../host/role";

export const VIPS = { concern: "vips", readable: [] } as const satisfies Role;
