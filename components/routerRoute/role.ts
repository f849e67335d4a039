import type { RoleManifest } from "../host/roleManifest";

/** Of all kinds of routers; each kind has a name of its own for its instances. */
export const ROUTES: Pick<RoleManifest, "readable"> = {
  readable: ["current/want/routes", "current/want/servers"],
};
