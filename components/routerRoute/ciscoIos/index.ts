/** Routers with IOS's command line. */
import type { RouterKind } from "../kindContract";
import { commandLineDriver } from "../cli";

/** Kind `cisco-ios`; see docs/router-kinds.md. */
export const ciscoIos: RouterKind = {
  role: "ios-routes",
  scripts: [],
  pinsFlows: false,
  guard: {
    unable: "no program can run on it",
    instead: "remove the key, and use IOS's own IP SLA with track: see docs/guard.md",
  },
  notice:
    "kind cisco-ios can't ask a server for its VIPs before they move, and is not looked at for drift. It cannot pin flows: a prefix that moves has its open connections reset",
  driver: commandLineDriver(__dirname),
};
