/** Rounds of a script on a router, for as long as they are needed; the router may be rebooted meanwhile. */
import { Following, InstalledScript, Round, followInstalled } from "../../components/host/installed";

/** What is reported of each router. */
export interface Follower {
  onRound(round: Round): void;
  /** It is silent, and its script is started again. */
  onLost(reason: string): void;
  /** After how long without a round that is so, in milliseconds. */
  silence: number;
  /** How long to wait before it is started again, in milliseconds. Default: a second, and after a silence not at all. */
  pause?(reason: string): number;
}

const PAUSE_MS = 1000;

/** @returns what ends it */
export function keepFollowing(
  script: InstalledScript,
  { onRound, onLost, silence, pause }: Follower,
): () => void {
  let following: Following | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const begin = (): void => {
    if (stopped) return;
    const current = followInstalled(script, (round) => {
      if (following !== current) return;
      giveUpLater();
      onRound(round);
    });
    following = current;
    giveUpLater();
    void current.ended.then((failure) => {
      if (following === current && failure !== undefined) restart(failure, pause?.(failure) ?? PAUSE_MS);
    });
  };
  const restart = (reason: string, after: number): void => {
    following?.stop();
    following = undefined;
    clearTimeout(timer);
    timer = setTimeout(begin, after);
    onLost(reason);
  };
  const giveUpLater = (): void => {
    const reason = `${script.host.name} sent nothing for ${silence / 1000} s`;
    clearTimeout(timer);
    timer = setTimeout(() => restart(reason, pause?.(reason) ?? 0), silence);
  };
  begin();
  return () => {
    stopped = true;
    clearTimeout(timer);
    following?.stop();
  };
}
