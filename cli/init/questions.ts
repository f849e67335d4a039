/** Asks for what `init` was not told by options. */
import { input } from "@inquirer/prompts";
import { isAddress, isPrefix, planNetwork, vipOf } from "../../components/addressPlan";
import { domainComplaint, nameComplaint } from "../../components/config/names";
import { Refusal } from "../../components/refusal";
import { routerKindNames } from "../../components/routerRoute/kinds";
import { Answers, zoneFor } from "./files";

/** Said of an answer that can't be; undefined: it can. */
type Complain = (text: string) => string | undefined;

const ask = async (message: string, fallback: string | undefined, complain: Complain): Promise<string> =>
  input(
    { message, default: fallback, validate: (text) => complain(text.trim()) ?? true },
    { output: process.stderr },
  ).then((text) => text.trim());

/** `web1=192.0.2.2 web2=192.0.2.3` as address by name. @throws Refusal */
export function machinesIn(text: string): Record<string, string> {
  const words = text.split(/[\s,]+/).filter(Boolean);
  return Object.fromEntries(
    words.map((word) => {
      const [name, address, more] = word.split("=");
      if (address === undefined || more !== undefined || nameComplaint(name) || !isAddress(address))
        throw new Refusal(`"${word}" is no machine; write NAME=ADDRESS, such as web1=192.0.2.2`);
      return [name, address];
    }),
  );
}

const machines =
  (least: number): Complain =>
  (text) => {
    try {
      return Object.keys(machinesIn(text)).length < least ? "write at least one, as NAME=ADDRESS" : undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

const blockComplaint: Complain = (text) => {
  if (!isPrefix(text)) return "write a block in CIDR form, such as 192.0.2.0/24";
  try {
    planNetwork({ block: text, ...subnets(text) });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/** Eight subnets, of which four are for VIPs. */
function subnets(block: string): { subnetPrefix: number; vipSubnets: number } {
  return { subnetPrefix: Number(block.split("/")[1]) + 3, vipSubnets: 4 };
}

/** @param given what is known already */
export async function answer(given: Partial<Answers>): Promise<Answers> {
  const block =
    given.block ??
    (await ask(
      "Your address block, of which an eighth is the servers' Ethernet",
      "192.0.2.0/24",
      blockComplaint,
    ));
  const { subnetPrefix = subnets(block).subnetPrefix, vipSubnets = 4 } = given;
  const plan = planNetwork({ block, subnetPrefix, vipSubnets });
  const host = (number: number): string => vipOf(plan.ethernet, number);
  const list = async (what: string, fallback: string, least: number): Promise<Record<string, string>> =>
    machinesIn(await ask(what, fallback, machines(least)));
  const routers = given.routers ?? (await list("Router, as NAME=ADDRESS", `r1=${host(1)}`, 1));
  const routerKind =
    given.routerKind ??
    (await ask(`What it runs: ${routerKindNames().join(", ")}`, "linux", (text) =>
      routerKindNames().includes(text) ? undefined : `one of ${routerKindNames().join(", ")}`,
    ));
  const servers =
    given.servers ?? (await list("Web servers, as NAME=ADDRESS", `web1=${host(2)} web2=${host(3)}`, 1));
  const nameServers =
    given.nameServers ?? (await list("Name servers with BIND, or nothing if DNS is elsewhere", "", 0));
  const user = given.user ?? (await ask("Login user on all machines", "root", () => undefined));
  const site = given.site ?? (await askSite());
  const contact =
    given.contact ??
    (Object.keys(nameServers).length === 0
      ? ""
      : await ask(
          "Who is responsible for its zone (mail)",
          `hostmaster@${zoneFor(site.serverName)}`,
          () => undefined,
        ));
  const { project = "farm", stack = "prod" } = given;
  return {
    ...{ project, stack, block, subnetPrefix, vipSubnets, routers, routerKind },
    ...{ servers, nameServers, user, site, contact },
  };
}

async function askSite(): Promise<Answers["site"]> {
  const serverName = await ask("Your first site's domain name", "www.widgetco.example", domainComplaint);
  const labels = serverName.split(".");
  const suggestion = labels.length > 2 ? labels[labels.length - 2] : labels[0];
  const name = await ask("Its name in the config", suggestion, nameComplaint);
  const documentRoot = await ask("Where its files are on the servers", `/srv/www/${name}`, (text) =>
    text.startsWith("/") ? undefined : "write an absolute path",
  );
  return { name, serverName, documentRoot };
}
