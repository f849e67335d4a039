/** The guard on a router: the way back for a server that it holds as dead. */
import type { RouterModel } from "../../components/config";
import { runOver } from "../../components/host/installed";

/** Where the package's scripts put it, by which sudo knows it. */
const COMMAND = "/usr/local/sbin/loopback-ha-guard";
/** It waits a minute for its router's lock, asks the server, and then applies. */
const PATIENCE_SECONDS = 150;

/**
 * Gives a server back what the guard moved away from it, once it answers.
 * @param force also if it does not answer for all VIPs
 * @returns what the router said
 * @throws Error that says why not; then it is still held there, unless the router did not answer
 */
export const releaseOn = (router: RouterModel, server: string, force: boolean): Promise<string> =>
  runOver(router, [COMMAND, "release", ...(force ? ["--force"] : []), server], PATIENCE_SECONDS);
