/** All kinds of routers, by name. A new kind is a folder beside this file and a row in the table below. */
import * as path from "node:path";
import { UserError } from "../base/userError";
import { ciscoIos } from "./ciscoIos";
import type { RouterKind } from "./kindContract";

const kinds = new Map<string, RouterKind>([
  [
    "linux",
    {
      role: "linux-routes",
      textfile: true,
      scripts: [__dirname, path.join(__dirname, "linux")],
      pinsFlows: true,
      guard: "able",
    },
  ],
  [
    "frr",
    {
      role: "frr-routes",
      scripts: [__dirname, path.join(__dirname, "frr")],
      pinsFlows: false,
      guard: {
        unable: "FRR sets the routes there, and without pinned flows the guard can't ask each server",
        instead:
          "remove the key, and use FRR's own BFD (from FRR 8.5) or loopback-ha watch: see docs/guard.md",
      },
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
 * @throws UserError when the name is taken.
 */
export function registerRouterKind(name: string, kind: RouterKind): void {
  if (kinds.has(name)) throw new UserError(`router kind "${name}" already exists; use another name`);
  kinds.set(name, kind);
}

/** @throws UserError when no kind has that name */
export function routerKind(name: string = DEFAULT_ROUTER_KIND): RouterKind {
  const kind = kinds.get(name);
  if (!kind) throw new UserError(`kind: "${name}" is not a router kind; use ${routerKindNames().join(", ")}`);
  return kind;
}

/** Why no guard can run on routers of a kind, and what to do in its place; undefined: one can. @throws UserError as routerKind */
export function guardIssue(name?: string): { unable: string; instead: string } | undefined {
  const { guard = NO_GUARD } = routerKind(name);
  return guard === "able" ? undefined : guard;
}

const NO_GUARD = {
  unable: "no guard is known for it",
  instead: "remove the key, and use loopback-ha watch",
};

/** All names, in the order they were registered. */
export function routerKindNames(): string[] {
  return [...kinds.keys()];
}
