/** Reads `servers`, `routers`, `nameServers` and `ssh`. */
import { z } from "zod";
import {
  NetworkPlan,
  broadcastAddress,
  contains,
  isAddress,
  maxHostNumber,
  networkAddress,
  vipOf,
} from "../network/addressPlan";
import { orderByAddress } from "../network/ipv4Only";
import { Path, Problems, pathText } from "../base/problems";
import { IssueOf } from "../base/names";
import { entries, field, parse } from "./leaf";
import { HostModel, RouterModel, ServerModel, SshOptions } from "./model";
import { nameIssue, nameInstead } from "../base/names";
import { checkRouter } from "./routers";
import { SshInput, hostSchema, routerSchema, serverSchema, sshSchema } from "./schema";

/** The machines of the farm; those with a problem are left out. */
export interface Hosts {
  servers: ServerModel[];
  routers: RouterModel[];
  nameServers: HostModel[];
}

/** The names in a map of the configuration, valid or not: a reference to one of them is not a typing error. */
export function namesIn(value: unknown): string[] {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.keys(value).sort()
    : [];
}

/** Reads all machines. `plan` is undefined when the network has problems: then no subnet is checked. */
export function readHosts(
  values: Record<string, unknown>,
  plan: NetworkPlan | undefined,
  problems: Problems,
): Hosts {
  const defaults = values.ssh === undefined ? {} : (parse(sshSchema, values.ssh, ["ssh"], problems) ?? {});
  const free = new FreeAddresses(plan, values);
  const owners = new Map<string, Path>();
  const named = new Map<string, string>();

  function read<S extends z.ZodType<{ address: string; ssh?: SshInput }>>(
    section: string,
    schema: (example: string) => S,
    issueOf: IssueOf,
  ) {
    const example = '{"web1": {"address": "192.0.2.2"}}';
    const sound = schema(free.first);
    return entries(values[section], [section], example, nameIssue, nameInstead, problems).flatMap(
      ([name, entry]) => {
        const raw = section === "servers" ? entry : withoutState(entry, [section, name], problems);
        const host = parse(sound, raw, [section, name], problems);
        const address = field(raw, "address");
        if (isAddress(address)) claim([section, name, "address"], String(address), issueOf);
        // What is found on a machine, and said of it, goes by its name.
        const other = named.get(name);
        if (other)
          problems.say(
            [section, name],
            `is also the name of ${pathText([other, name])}; give one of them another name, such as ${name}-${section === "nameServers" ? "ns" : "web"}`,
          );
        named.set(name, other ?? section);
        return host ? [{ name, ...host, ssh: sshOf(defaults, host.ssh) }] : [];
      },
    );
  }

  function claim(path: Path, address: string, issueOf: IssueOf): void {
    const owner = owners.get(address);
    const issue = owner ? `is already used by ${pathText(owner)}` : issueOf(address);
    if (issue) problems.add(path, address, issue, `use ${free.take()}`);
    owners.set(address, owner ?? path);
  }

  const inServerSubnet: IssueOf = (address) => plan && serverSubnetIssue(plan, address);
  const anywhere: IssueOf = (address) => plan && nameServerIssue(plan, address);
  const routers = read("routers", routerSchema, inServerSubnet);
  const servers = read("servers", serverSchema, inServerSubnet);
  const nameServers = read("nameServers", hostSchema, anywhere);

  if (isEmpty(values.servers))
    problems.say(
      ["servers"],
      `no servers are configured; add one, such as servers.web1.address ${free.first}`,
    );
  if (plan) routers.forEach((router) => checkRouter(router, servers, plan, problems));
  const addressOf = ({ address }: HostModel): string => address;
  return {
    servers: orderByAddress(servers, addressOf),
    routers: orderByAddress(routers, addressOf),
    nameServers: orderByAddress(nameServers, addressOf),
  };
}

/** Only servers have a state: the farm can do without one of them. */
function withoutState(raw: unknown, path: Path, problems: Problems): unknown {
  const state = field(raw, "state");
  if (state === undefined || Array.isArray(raw)) return raw;
  problems.add(
    [...path, "state"],
    state,
    "is only for servers: if a router or name server is dead, only its own step fails, and the servers in service do not wait for it",
    "remove the key",
  );
  return Object.fromEntries(Object.entries(raw as object).filter(([key]) => key !== "state"));
}

function isEmpty(map: unknown): boolean {
  return map === undefined || (typeof map === "object" && map !== null && Object.keys(map).length === 0);
}

function sshOf(defaults: SshInput, own: SshInput = {}): SshOptions {
  const ssh = { ...defaults, ...own };
  const user = ssh.user ?? "root";
  return { ...ssh, user, sudo: ssh.sudo ?? user !== "root" };
}

function serverSubnetIssue(plan: NetworkPlan, address: string): string | undefined {
  const { serverSubnet } = plan;
  if (!contains(serverSubnet, address)) return `is outside the servers' subnet ${serverSubnet}`;
  if (address === networkAddress(serverSubnet)) return `is the network address of ${serverSubnet}`;
  if (address === broadcastAddress(serverSubnet)) return `is the broadcast address of ${serverSubnet}`;
  return undefined;
}

/** A name server may be anywhere, but not on a VIP. */
function nameServerIssue(plan: NetworkPlan, address: string): string | undefined {
  if (contains(plan.serverSubnet, address)) return serverSubnetIssue(plan, address);
  const vips = plan.vipSubnets.find((prefix) => contains(prefix, address));
  return vips && `is in the VIP subnet ${vips}`;
}

/** Free addresses of the servers' subnet, to suggest. */
class FreeAddresses {
  private readonly used: Set<unknown>;

  constructor(
    private readonly plan: NetworkPlan | undefined,
    values: Record<string, unknown>,
  ) {
    const hosts = ["routers", "servers", "nameServers"].flatMap((section) =>
      Object.values(values[section] ?? {}),
    );
    this.used = new Set(hosts.map((host) => field(host, "address")));
  }

  /** The first one. */
  get first(): string {
    if (!this.plan) return "192.0.2.2";
    const max = Math.min(maxHostNumber(this.plan.serverSubnet), this.used.size + 1);
    for (let number = 1; number <= max; number++) {
      const address = vipOf(this.plan.serverSubnet, number);
      if (!this.used.has(address)) return address;
    }
    return "a larger servers' subnet (a shorter network.subnetPrefix): this one is full";
  }

  /** The first one, and it is not free any more. */
  take(): string {
    const { first } = this;
    this.used.add(first);
    return first;
  }
}
