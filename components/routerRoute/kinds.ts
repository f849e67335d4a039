import { Concern } from "../host/hostCommand";
import { RouterKind } from "./routes";

/** The concern that sets the routes of each kind: a new kind is a folder here and a line below. */
export const ROUTE_CONCERNS: Record<RouterKind, Concern> = {
  [RouterKind.Linux]: Concern.LinuxRoutes,
};
