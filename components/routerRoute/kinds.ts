/** What routers run, by name. A new kind is a folder beside this file and a line in the table below. */
import * as path from "node:path";
import { Refusal } from "../base/userError";
import { ciscoIos } from "./ciscoIos";

/** How the routes of one kind of router are set. */
export interface RouterKind {
  /** Names the instance on the router; `linux-routes`. */
  concern: string;
  /** Folders with `concern.sh` and what else goes to the router, absolute; see components/host/lib.sh. */
  scripts: string[];
  /** Whether it can keep open connections where they began. */
  pinsFlows: boolean;
  /** What it can't do, said at every preview. Default: nothing. */
  notice?: string;
  /**
   * For a router without a shell: a program on the operator's side that does what components/host/deliver.cjs does,
   * and the text of the shell script that takes the routes away again, which must need no other file. Such a router
   * is not looked at for drift. Default: `scripts` over ssh.
   */
  driver?: { deliver: string; remove: string };
}

const kinds = new Map<string, RouterKind>([
  [
    "linux",
    { concern: "linux-routes", scripts: [__dirname, path.join(__dirname, "linux")], pinsFlows: true },
  ],
  [
    "frr",
    {
      concern: "frr-routes",
      scripts: [__dirname, path.join(__dirname, "frr")],
      pinsFlows: false,
      notice: "kind frr can't pin flows: when a prefix moves, its open connections are reset",
    },
  ],
  ["cisco-ios", ciscoIos],
]);

/** The kind of a router that does not name one. */
export const DEFAULT_ROUTER_KIND = "linux";

/**
 * Makes a kind of router known under a name, for `kind` of a RouterRoute and of the configuration's routers.
 *
 * @throws Refusal when the name is taken.
 */
export function registerRouterKind(name: string, kind: RouterKind): void {
  if (kinds.has(name)) throw new Refusal(`router kind "${name}" already exists; use another name`);
  kinds.set(name, kind);
}

/** @throws Refusal when no kind has that name */
export function routerKind(name: string = DEFAULT_ROUTER_KIND): RouterKind {
  const kind = kinds.get(name);
  if (!kind) throw new Refusal(`kind: "${name}" is not a router kind; use ${routerKindNames().join(", ")}`);
  return kind;
}

/** All names, in the order they were registered. */
export function routerKindNames(): string[] {
  return [...kinds.keys()];
}
