/** What components/routerRoute/health.sh prints: questions to servers and what came of them. */
import type { Round } from "../components/host/installed";

/** One question and what came of it. */
export interface Answer {
  /** `live`: by the route that the VIP has now; `marked`: to the server, whatever the routes say. */
  way: string;
  ok: boolean;
  server: string;
  site: string;
  vip: string;
  /** Why not; empty: it is ok. */
  reason: string;
}

/** The questions of a round, all asked at about the same time. */
export interface HealthRound {
  answers: Answer[];
  /** Who was at work on the router meanwhile: a proof may have led questions elsewhere. */
  busy?: string;
}

export function parseHealth(lines: Round): HealthRound {
  const round: HealthRound = { answers: [] };
  for (const [state, vip, label = "", reason = ""] of lines) {
    const [way, server, site] = label.split(" ");
    if (state === "busy") round.busy = vip;
    else round.answers.push({ way, ok: state === "ok", server, site, vip, reason });
  }
  return round;
}
