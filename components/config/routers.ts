/** Checks of a router's values against the network and the servers. */
import { NetworkPlan, contains, hostNumberOf, maxHostNumber } from "../network/addressPlan";
import { GUARD, minActiveIssue } from "../routerRoute/guard";
import { guardIssue, routerKind } from "../routerRoute/kindRegistry";
import { PINNING, CHECK_RULE_PRIORITY, PinningArgs, RESERVED_TABLES, markRoom } from "../routerRoute/pinning";
import { Problems } from "../base/problems";
import { HostModel, RouterModel } from "./model";

/** Reports what of a router does not fit the network. Servers outside their subnet have been reported already. */
export function checkRouter(
  router: RouterModel,
  servers: HostModel[],
  plan: NetworkPlan,
  problems: Problems,
): void {
  checkCheckSource(router, plan, problems);
  if (router.pinFlows && !routerKind(router.kind).pinsFlows)
    problems.add(
      ["routers", router.name, "pinFlows"],
      true,
      `is not supported by routers of kind ${router.kind}`,
      "remove the key",
    );
  checkPinned(router, problems);
  checkGuard(router, servers.length, problems);
  if (router.textfile !== undefined && !routerKind(router.kind).textfile)
    problems.add(
      ["routers", router.name, "textfile"],
      router.textfile,
      `is not supported by routers of kind ${router.kind}`,
      "remove the key",
    );
  checkMarks(router, servers, plan, problems);
  checkTables(router, plan, problems);
  const { rulePriority } = router.pinning ?? {};
  if (rulePriority === CHECK_RULE_PRIORITY)
    problems.add(
      ["routers", router.name, "pinning", "rulePriority"],
      rulePriority,
      "is reserved for the rule that routes health checks before a move",
      `use another number from 1 to 32765, such as ${PINNING.rulePriority}`,
    );
}

/** What says something of pinned flows needs them. */
function checkPinned(
  { name, kind, pinFlows = routerKind(kind).pinsFlows, pinning }: RouterModel,
  problems: Problems,
): void {
  const { helpers = [], trackOnlyVips = false } = pinning ?? {};
  if (pinFlows) return;
  const refuse = (key: keyof PinningArgs, value: unknown): void =>
    problems.add(
      ["routers", name, "pinning", key],
      value,
      "works only with pinned flows, which this router does not have",
      "remove the key",
    );
  if (helpers.length > 0) refuse("helpers", helpers);
  if (trackOnlyVips) refuse("trackOnlyVips", trackOnlyVips);
}

/** A guard must be able to run there, and to move something. */
function checkGuard(
  { name, kind, pinFlows = routerKind(kind).pinsFlows, guard }: RouterModel,
  servers: number,
  problems: Problems,
): void {
  if (guard === undefined) return;
  const path = ["routers", name, "guard"];
  const issue = guardIssue(kind);
  if (issue)
    return problems.add(
      path,
      guard,
      `is not supported by routers of kind ${kind}: ${issue.unable}`,
      issue.instead,
    );
  if (!pinFlows)
    return problems.add(
      path,
      guard,
      `works only with pinned flows, by which the guard asks each server, and routers.${name}.pinFlows is false`,
      "remove one of the two keys",
    );
  const { minActive = GUARD.minActive } = guard;
  const hopeless = servers > 0 ? minActiveIssue(minActive, servers) : undefined;
  if (hopeless === undefined) return;
  if (servers === 1)
    problems.add(
      path,
      guard,
      "has no other server to move anything to",
      "add a second server, or remove the key",
    );
  else problems.add([...path, "minActive"], minActive, hopeless, `use ${servers - 1} or less`);
}

function checkCheckSource({ name, checkSource }: RouterModel, plan: NetworkPlan, problems: Problems): void {
  if (checkSource === undefined) return;
  const inside = [plan.serverSubnet, ...plan.vipSubnets].find((prefix) => contains(prefix, checkSource));
  if (inside === undefined) return;
  const kind = inside === plan.serverSubnet ? "servers'" : "VIP";
  problems.add(
    ["routers", name, "checkSource"],
    checkSource,
    `is in the ${kind} subnet ${inside}, so an answer would say nothing about the servers' return route`,
    `use an address of the router outside the servers' and the VIP subnets, such as 198.51.100.1, or remove the key`,
  );
}

/** The mark of a server is its host number in the servers' subnet. */
function checkMarks(
  { name, pinning }: RouterModel,
  servers: HostModel[],
  { serverSubnet }: NetworkPlan,
  problems: Problems,
): void {
  const mask = pinning?.markMask ?? PINNING.markMask;
  const numbers = servers
    .filter(({ address }) => contains(serverSubnet, address))
    .map((server) => ({ name: server.name, number: hostNumberOf(serverSubnet, server.address) }));
  const last = numbers.reduce((a, b) => (b.number > a.number ? b : a), { name: "", number: 0 });
  if (last.number <= markRoom(mask)) return;
  const bits = Math.floor(Math.log2(last.number)) + 1;
  problems.add(
    ["routers", name, "pinning", "markMask"],
    mask,
    `has no room for host number ${last.number} (${last.name})`,
    `use ${bits} bits, such as 0x${((2 ** bits - 1) * 2 ** (32 - bits)).toString(16)}`,
  );
}

/** Any host of the servers' subnet may become a server; its table number is the base plus its host number. */
function checkTables(
  { name, pinning }: RouterModel,
  { serverSubnet }: NetworkPlan,
  problems: Problems,
): void {
  const base = pinning?.tableBase ?? PINNING.tableBase;
  const last = base + maxHostNumber(serverSubnet);
  const taken = RESERVED_TABLES.find(([table]) => base < table && table <= last);
  if (!taken) return;
  problems.add(
    ["routers", name, "pinning", "tableBase"],
    base,
    `uses tables ${base + 1} to ${last}, but ${taken[0]} is ${taken[1]}`,
    `use one such as ${PINNING.tableBase}`,
  );
}
