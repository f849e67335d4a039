/** The public API: components, the address plan and placement. */
import "./startup/needs.cjs";

export * from "./network/addressPlan";
export * from "./network/homes";
export { Fallbacks, fallbacks } from "./network/fallbacks";
export { Placement, PlacementError, place, shares } from "./network/placement";
export { ServerState } from "./network/serverState";
export { instanceName } from "./host/hostCommand";
export { Role } from "./preflight/roles";
export { HostArgs, ServerArgs, SshOptions } from "./host/ssh";
export { LoopbackVip, LoopbackVipArgs } from "./loopbackVip";
export {
  PoolServerArgs,
  PoolTlsArgs,
  SiteArgs,
  SiteTlsArgs,
  WebServerPool,
  WebServerPoolArgs,
  healthToken,
} from "./webServerPool";
export { healthPath } from "./webServerPool/vhostTemplate";
export {
  CheckKind,
  FallbackArgs,
  GuardArgs,
  PinningArgs,
  RouteArgs,
  RouterRoute,
  RouterRouteArgs,
  VipCheckArgs,
} from "./routerRoute";
export { RouterKind } from "./routerRoute/kindContract";
export { registerRouterKind } from "./routerRoute/kindRegistry";
export {
  DnsRoundRobin,
  DnsRoundRobinArgs,
  NameArgs,
  SoaTimers,
  SoaPreset,
  ZoneRecordModel,
} from "./dnsRoundRobin";
export { SOA_TIMERS } from "./dnsRoundRobin/soa";
export { TlsVersion } from "./webServerPool/tls/defaults";
export { ConfigError, Problem } from "./base/problems";
export { UserError } from "./base/userError";
