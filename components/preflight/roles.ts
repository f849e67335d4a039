import { ZONE } from "../dnsRoundRobin/role";
import { VIPS } from "../loopbackVip/role";
import { VHOSTS } from "../webServerPool/role";

/** What a host command brings to a machine. The roles of routers are in routerRoute/kindRegistry.ts. */
export const Role = { Vips: VIPS.name, Vhosts: VHOSTS.name, Zone: ZONE.name } as const;
/** One of them. */
export type Role = (typeof Role)[keyof typeof Role];
