/** How many connections a server still has, on all routers together. Pure. */
import type { Round } from "../../components/host/installed";

/** Connections of one server. */
export interface Left {
  /** Those that are waited for. */
  open: number;
  /** Those that were silent for too long to be waited for. */
  idle: number;
}

/** Keeps the last round of each router. */
export class Counts {
  private readonly byRouter = new Map<string, Left>();

  constructor(
    private readonly server: string,
    private readonly routers: readonly string[],
  ) {}

  /** Takes in a round of flows.sh. */
  take(router: string, round: Round): void {
    const [, count, idle] = round.find(([name]) => name === this.server) ?? [];
    if (count !== undefined)
      this.byRouter.set(router, { open: Number(count) - Number(idle), idle: Number(idle) });
    // A server that the router has no mark for has no connection by it.
    else this.byRouter.set(router, { open: 0, idle: 0 });
  }

  /** What a router said before it fell silent is no answer. */
  forget(router: string): void {
    this.byRouter.delete(router);
  }

  /** All of them; undefined while a router has not answered. */
  get left(): Left | undefined {
    if (this.routers.some((router) => !this.byRouter.has(router))) return undefined;
    const all = [...this.byRouter.values()];
    return {
      open: all.reduce((sum, { open }) => sum + open, 0),
      idle: all.reduce((sum, { idle }) => sum + idle, 0),
    };
  }
}

/** @returns `12 open connections, and 3 idle ones that are not waited for` */
export function describeLeft({ open, idle }: Left): string {
  const connections = open === 1 ? "1 open connection" : `${open} open connections`;
  return idle === 0 ? connections : `${connections}, and ${idle} idle ones that are not waited for`;
}
