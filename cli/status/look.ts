/** What the machines hold now. */
import { FarmModel } from "../../components/config";
import { Observation, observe } from "../../components/host/observe";
import { look, machinesToLookAt } from "../../components/preflight/look";
import { Hold } from "../../components/network/holds";
import { RouterMoves } from "../../components/network/moves";
import { movesOf, routerViews } from "../../components/preflight/report";
import type { Session } from "../pulumi/session";

/** Looks at the routers only. */
export async function lookAtRouters(farm: FarmModel): Promise<Map<string, Observation>> {
  const routers = new Set(farm.routers.map(({ name }) => name));
  return observe(
    machinesToLookAt(farm).filter(({ name }) => routers.has(name)),
    look,
  );
}

/** What does not go where the config wants it. */
export async function outstanding(session: Session, farm: FarmModel): Promise<RouterMoves[]> {
  return movesOf(farm, session.id, await lookAtRouters(farm));
}

/** A router with a guard. */
export interface GuardedRouter {
  router: string;
  /** Servers that it holds as dead. */
  holds: Hold[];
  /** Why that is not known. Absent: it is. */
  failure?: string;
}

/** What is held on each router that has a guard. @param found as lookAtRouters has it */
export function guardsOf(farm: FarmModel, stack: string, found: Map<string, Observation>): GuardedRouter[] {
  const views = routerViews(farm, stack, found);
  return farm.routers.flatMap(({ guard }, i) => {
    const { router, failure, holds = [] } = views[i];
    return guard ? [{ router, holds, ...(failure === undefined ? {} : { failure }) }] : [];
  });
}
