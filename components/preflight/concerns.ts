import { ZONE } from "../dnsRoundRobin/role";
import { VIPS } from "../loopbackVip/role";
import { VHOSTS } from "../webServerPool/role";

/** What a host command brings to a machine. The concerns of routers are in routerRoute/kinds.ts. */
export const Concern = { Vips: VIPS.concern, Vhosts: VHOSTS.concern, Zone: ZONE.concern } as const;
/** One of them. */
export type Concern = (typeof Concern)[keyof typeof Concern];
