/** Asks all machines at once; one that is slow or dead is reported separately and delays no other. */
import { Resolver } from "node:dns/promises";
import { FarmModel, RouterModel } from "../../components/config";
import { askInstalled } from "../../components/host/installed";
import { linesOf, observe } from "../../components/host/observe";
import { look, machinesToLookAt } from "../../components/preflight/look";
import { pairProblems } from "../../components/preflight/pairsInFolder";
import { bySite } from "../../components/webServerPool/lineFormats.cjs";
import { Answer, parseHealth } from "../routers/health";
import { onRouter, withShell } from "../routers/shell";
import { Pages, parsePages } from "../routers/pages";
import { FarmStatus, Sightings, statusOf } from "./model";

const HEALTH_SECONDS = 15;
const DNS_MS = 2000;

/**
 * @param stack `project/stack`
 * @param project the project's folder
 */
export async function gather(farm: FarmModel, stack: string, project: string): Promise<FarmStatus> {
  const [machines, health, pages, serials] = await Promise.all([
    observe(machinesToLookAt(farm), look),
    askHealth(farm.routers, stack),
    askPages(farm.routers, stack),
    askSerials(farm),
  ]);
  const at = Date.now();
  const inForce = new Set(
    farm.servers.flatMap(({ name }) =>
      Object.keys(bySite(linesOf(machines.get(name) ?? { now: 0, instances: {} }, stack, "certificates"))),
    ),
  );
  const pairs = pairProblems(farm, project, new Date(at), inForce);
  return statusOf(farm, { stack, at, machines, health, pages, serials, pairs });
}

async function askHealth(routers: RouterModel[], stack: string): Promise<Sightings["health"]> {
  const answers = await Promise.all(
    routers.filter(withShell).map(async (router): Promise<[string, Answer[] | string]> => {
      try {
        const round = await askInstalled(onRouter(router, stack, "health.sh"), HEALTH_SECONDS);
        return [router.name, parseHealth(round).answers];
      } catch (error) {
        return [router.name, (error as Error).message];
      }
    }),
  );
  return new Map(answers);
}

/** A router that can't, or whose scripts are of before there were pages, is none: why it does not answer is told with its health. */
async function askPages(routers: RouterModel[], stack: string): Promise<Pages[]> {
  const rounds = await Promise.all(
    routers.filter(withShell).map(async (router) => {
      try {
        return [
          parsePages(await askInstalled(onRouter(router, stack, "health.sh", ["--pages"]), HEALTH_SECONDS)),
        ];
      } catch {
        return [];
      }
    }),
  );
  return rounds.flat();
}

async function askSerials({ zones, nameServers }: FarmModel): Promise<Sightings["serials"]> {
  const pairs = zones.flatMap((zone) =>
    zone.nameServers.map((nameServer) => ({ zone: zone.zone, nameServer })),
  );
  return Promise.all(
    pairs.map(async (pair) => {
      const { address } = nameServers.find(({ name }) => name === pair.nameServer)!;
      const resolver = new Resolver({ timeout: DNS_MS, tries: 1 });
      resolver.setServers([address]);
      try {
        return { ...pair, serial: (await resolver.resolveSoa(pair.zone)).serial };
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        return { ...pair, serial: code ?? message };
      }
    }),
  );
}
