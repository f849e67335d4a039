/** Waits until a server's connections have ended, as the routers count them. */
import { FarmModel, RouterModel } from "../../components/config";
import { routerKind } from "../../components/routerRoute/kindRegistry";
import { keepFollowing } from "../routers/follow";
import { onRouter } from "../routers/shell";
import { Counts, Left } from "./counts";

export interface WaitOptions {
  /** `project/stack`. */
  stack: string;
  server: string;
  /** How long at most, in seconds. */
  seconds: number;
  /** TCP connections that were silent for longer are not waited for, in seconds. */
  tcpIdle: number;
  /** The same for UDP. */
  udpIdle: number;
  /** Told whenever the count may have changed; undefined: a router does not answer. */
  onCount: (left: Left | undefined) => void;
  signal: AbortSignal;
}

/** How waiting ended. */
export enum WaitEnd {
  Ended = "ended",
  Deadline = "deadline",
  Interrupted = "interrupted",
}

/** Routers that keep a server's connections with it when its prefixes move. */
export const pinningRouters = ({ routers }: FarmModel): RouterModel[] =>
  routers.filter(({ kind, pinFlows }) => pinFlows ?? routerKind(kind).pinsFlows);

const EVERY_SECONDS = 0.4;
/** A router that was silent for this long is asked again. */
const SILENCE_MS = 5000;

/** @returns how it ended, and what is left */
export async function waitForFlows(
  farm: FarmModel,
  options: WaitOptions,
): Promise<{ end: WaitEnd; left: Left | undefined }> {
  const routers = pinningRouters(farm);
  const counts = new Counts(
    options.server,
    routers.map(({ name }) => name),
  );
  const stops: (() => void)[] = [];
  return new Promise((resolve) => {
    const finish = (end: WaitEnd): void => {
      for (const stop of stops) stop();
      resolve({ end, left: counts.left });
    };
    const deadline = setTimeout(() => finish(WaitEnd.Deadline), options.seconds * 1000);
    const interrupt = (): void => finish(WaitEnd.Interrupted);
    stops.push(() => clearTimeout(deadline));
    options.signal.addEventListener("abort", interrupt, { once: true });
    const onCount = (): void => {
      options.onCount(counts.left);
      if (counts.left?.open === 0) finish(WaitEnd.Ended);
    };
    for (const router of routers) stops.push(followCounts(router, counts, options, onCount));
  });
}

function followCounts(
  router: RouterModel,
  counts: Counts,
  { stack, tcpIdle, udpIdle }: WaitOptions,
  onCount: () => void,
): () => void {
  const args = Object.entries({ every: EVERY_SECONDS, "tcp-idle": tcpIdle, "udp-idle": udpIdle });
  const flags = args.flatMap(([name, value]) => [`--${name}`, String(value)]);
  return keepFollowing(onRouter(router, stack, "flows.sh", flags), {
    silence: SILENCE_MS,
    onRound(round) {
      counts.take(router.name, round);
      onCount();
    },
    onLost() {
      counts.forget(router.name);
      onCount();
    },
  });
}
