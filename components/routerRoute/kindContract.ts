/**
 * What a kind of router must provide: how its routes are set, and what it can do. On a router with a shell, a role sets the
 * routes (`scripts`, the verbs in components/host/machine/lib.sh); on one with a command line only, a driver does (the verbs
 * in components/routerRoute/cli/driver.ts).
 */
export interface RouterKind {
  /** Names the instance on the router; `linux-routes`. */
  role: string;
  /** Folders with `role.sh` and what else goes to the router, absolute. */
  scripts: string[];
  /** Whether it can keep open connections where they began. */
  pinsFlows: boolean;
  /**
   * For a guard: the folders that go to the router in addition, absolute; where none can run, why, and what to do in its place.
   * Default: none can run, and `watch` takes its place.
   */
  guard?: { scripts: string[] } | { unable: string; instead: string };
  /** What it can't do, reported at every preview. Default: nothing. */
  notice?: string;
  /** Whether it can write a file for node_exporter. Default: false. */
  textfile?: boolean;
  /**
   * For a router without a shell: a program on the operator's side that does what components/host/deliver.cjs does,
   * and the text of the shell script that takes the routes away again, which must need no other file. Such a router
   * is not looked at for drift. Default: `scripts` over ssh.
   */
  driver?: { deliver: string; remove: string };
}
