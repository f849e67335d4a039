/** Servers and prefixes by the names that a command is given. */
import { FarmModel, ServerModel } from "../../components/config";
import { show, useNearest } from "../../components/base/problems";
import { hostPrefix } from "../../components/network/address.cjs";
import { UsageError } from "../terminal/exit";

/** @throws UsageError with the nearest name */
export function serverNamed(farm: FarmModel, name: string): ServerModel {
  const server = farm.servers.find((candidate) => candidate.name === name);
  if (server) return server;
  const names = farm.servers.map((candidate) => candidate.name);
  throw new UsageError(`there is no server ${show(name)}; ${useNearest(name, names, "server")}`);
}

/** A VIP subnet, or one VIP's prefix where each is placed by itself. */
export function prefixNamed(farm: FarmModel, prefix: string): string {
  const units = farm.placement.map((unit) => unit.prefix);
  const known = [...new Set([...units, ...farm.network.vipSubnets])];
  const single = prefix.includes("/") ? prefix : hostPrefix(prefix);
  const found = known.find((candidate) => candidate === prefix || candidate === single);
  if (found !== undefined) return found;
  throw new UsageError(`there is no prefix ${show(prefix)}; ${useNearest(prefix, units, "prefix")}`);
}
