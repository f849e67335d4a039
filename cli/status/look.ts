/** What the machines hold now. */
import { FarmModel } from "../../components/config";
import { Observation, observe } from "../../components/host/observe";
import { look, machinesToLookAt } from "../../components/preflight/look";
import { RouterMoves } from "../../components/network/moves";
import { movesOf } from "../../components/preflight/report";
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
