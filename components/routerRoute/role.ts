import type { Role } from "../host/role";

/** Of all kinds of routers; each kind has a name of its own for its instances. */
export const ROUTES: Pick<Role, "readable"> = {
  readable: ["current/want/routes", "current/want/servers"],
};
