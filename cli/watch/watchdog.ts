/** Lets systemd see that the watcher still works (WatchdogSec, sd_watchdog_enabled(3)): what hangs can say nothing itself. */
import { spawn } from "node:child_process";

/**
 * By systemd's own program: Node has no datagram sockets of that kind. Nothing where no unit asks for it.
 * @returns what ends it
 */
export function feedWatchdog(env: NodeJS.ProcessEnv = process.env): () => void {
  const { NOTIFY_SOCKET, WATCHDOG_USEC = "", WATCHDOG_PID = `${process.pid}` } = env;
  const limitMs = Number(WATCHDOG_USEC) / 1000;
  if (!NOTIFY_SOCKET || !(limitMs > 0) || Number(WATCHDOG_PID) !== process.pid) return () => undefined;
  const feed = (): void => {
    const notify = spawn("systemd-notify", ["WATCHDOG=1"], { env, stdio: "ignore" });
    // Then systemd starts the watcher again, and its journal says why.
    notify.on("error", () => undefined);
  };
  feed();
  const timer = setInterval(feed, limitMs / 3);
  return () => clearInterval(timer);
}
