/** Zones that come here from elsewhere: their secondaries take nothing with a smaller serial than the one they have. */
import { Resolver } from "node:dns/promises";
import { FarmModel } from "../config";
import { pathText } from "../base/problems";
import { printable } from "../host/foreignText.cjs";
import { instanceIn } from "../host/instance";
import { Role } from "./roles";
import { zoneComponent } from "../dnsRoundRobin/names";
import type { Observation } from "../host/observe";

/** The SOA record of a zone, as its delegation leads to it. */
export type AskSoa = (zone: string) => Promise<{ serial: number; nsname: string }>;

const MOST_ZONES = 30;
const SERIALS = 2 ** 32;

/**
 * Asks DNS about each zone that is on none of its name servers yet, and about no other zone.
 *
 * @param stack `project/stack`
 * @returns one sentence for each zone that is served elsewhere with a serial beyond the one that it would begin with here
 */
export async function zonesElsewhere(
  farm: FarmModel,
  stack: string,
  found: Map<string, Observation>,
  ask: AskSoa = askResolver,
  now = new Date(),
): Promise<string[]> {
  const fresh = farm.zones.filter(({ zone, nameServers }) => {
    const seen = nameServers
      .flatMap((name) => found.get(name) ?? [])
      .filter(({ failure }) => failure === undefined);
    return (
      seen.length > 0 &&
      seen.every(({ instances }) => !(instanceIn(stack, zoneComponent(zone), Role.Zone) in instances))
    );
  });
  const said = await Promise.all(
    fresh.slice(0, MOST_ZONES).map(async ({ zone, serialAtLeast = 0 }) => {
      const here = Math.max(todaysFirst(now), serialAtLeast);
      const soa = await ask(zone).catch(() => undefined);
      if (soa === undefined || !isBeyond(soa.serial, here)) return [];
      const next = soa.serial + 1;
      const start =
        next < SERIALS
          ? `start with a higher serial: pulumi config set --path '${pathText(["zones", zone, "serialAtLeast"])}' ${next}`
          : "no higher serial exists (RFC 1982 describes how to start over)";
      return [
        `zone ${zone} is served elsewhere with serial ${soa.serial} (${printable(soa.nsname)}), but would start with ${here} here: its secondaries would ignore the new zone. If you are moving it here, ${start}`,
      ];
    }),
  );
  return said.flat();
}

/** Of serials that go round in a ring the half after one is beyond it (RFC 1982, 3.2). */
const isBeyond = (serial: number, than: number): boolean => {
  const ahead = (serial - than + SERIALS) % SERIALS;
  return (ahead > 0 && ahead < SERIALS / 2) || serial === than;
};

const todaysFirst = (now: Date): number => Number(`${now.toISOString().slice(0, 10).replaceAll("-", "")}00`);

/** This machine's resolver. There may be none, and it is not waited for long. */
const askResolver: AskSoa = (zone) => new Resolver({ timeout: 1500, tries: 1 }).resolveSoa(zone);
