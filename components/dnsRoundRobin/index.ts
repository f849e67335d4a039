import * as pulumi from "@pulumi/pulumi";
import { checkHosts } from "../host/checkHosts";
import { assertValid } from "../base/argumentChecks";
import { MOST_SERIAL } from "./soa";
import { hostCommand, instanceName, resourcesBehind } from "../host/hostCommand";
import { ServerArgs } from "../host/ssh";
import { ServerState } from "../network/serverState";
import { ZONE } from "./role";
import { isLarge } from "../host/payload.cjs";
import { UserError } from "../base/userError";
import { ZoneArgs, renderZone } from "./zone";

export { SoaPreset, SoaTimers } from "./soa";
export { ZoneRecordModel } from "./records";
export { NameArgs, ZoneArgs } from "./zone";

/** Arguments of {@link DnsRoundRobin}. */
export interface DnsRoundRobinArgs extends ZoneArgs {
  /**
   * The name servers, each of them a primary; at least one. Names must differ. BIND, with `named.conf.local` where Debian
   * has it. A name server whose state is `down` is not connected to.
   */
  nameServers: ServerArgs[];
  /**
   * The serial is this one or a later one: for a zone that was served elsewhere, whose secondaries have that one's. Up to
   * 4294967000. Default: by the date.
   */
  serialAtLeast?: number;
  /** The name servers are not touched before these are known: what makes the names answer. Default: nothing. */
  after?: pulumi.Input<string>[];
}

/**
 * One zone with several addresses for each site, on one or more name servers: resolvers turn the addresses' order,
 * and so spread the load. The serial (yyyymmddnn) is kept on the servers, the same on all that can be reached; it
 * changes only when the zone does. A dead name server fails alone.
 *
 * @throws UserError when a name is not in the zone, a value can't be in a zone file, or there is no name server.
 */
export class DnsRoundRobin extends pulumi.ComponentResource {
  /** What each name server said after it served the zone, by its name. */
  public readonly reports: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: DnsRoundRobinArgs, opts?: pulumi.ComponentResourceOptions) {
    const { zone, nameServers } = args;
    const text = renderZone(args);
    checkHosts("nameServers", nameServers);
    if (nameServers.length === 0) throw new UserError(`nameServers: zone ${zone} needs at least one`);
    const instance = instanceName(name, ZONE.name);
    // Packed in each name server's command: here a preview shows what changes.
    const shown = isLarge(text) ? summaryOf(args) : {};
    super("loopback-ha:index:DnsRoundRobin", name, { zone, ...shown }, opts);

    this.reports = {};
    for (const server of nameServers) {
      const served = hostCommand(
        `${name}-zone-${server.name}`,
        {
          host: server,
          role: ZONE.name,
          scripts: [__dirname],
          component: name,
          want: { zone: text, settings: settingsOf(args) },
          peers: nameServers.filter((peer) => peer !== server && peer.state !== ServerState.Down),
          askPeers: askFor(instance),
        },
        { parent: this, dependsOn: resourcesBehind(args.after) },
      );
      this.reports[server.name] = served.stdout;
    }
    this.registerOutputs({ reports: this.reports });
  }
}

function settingsOf({ zone, serialAtLeast: least }: DnsRoundRobinArgs): string {
  if (least === undefined) return `zone=${zone}\n`;
  const isSerial = Number.isInteger(least) && least >= 1 && least <= MOST_SERIAL;
  assertValid("serialAtLeast", least, isSerial ? undefined : `is not a serial; use 1 to ${MOST_SERIAL}`);
  return `zone=${zone}\nserial_at_least=${least}\n`;
}

/** As JSON text: the SDK makes a promise of each value of an object, and there are thousands. */
function summaryOf({ sites, records = [] }: ZoneArgs): Record<string, string> {
  return {
    names: JSON.stringify(
      Object.fromEntries(sites.map(({ name, addresses }) => [name, addresses.join(" ")])),
    ),
    records: JSON.stringify(records),
  };
}

/** "SERIAL HASH" of the zone that a name server holds, and its date as a serial. Anybody may read both, and any login shell reads this. */
function askFor(instance: string): string {
  return `cat /var/lib/loopback-ha/${instance}/serial; date -u +%Y%m%d00`;
}
