/** Asks for what the options of `init` do not say. */
import { input } from "@inquirer/prompts";
import { lengthOf } from "../../components/network/address.cjs";
import { isPrefix, planNetwork, vipOf } from "../../components/network/addressPlan";
import { ConfigError } from "../../components/config";
import { domainIssue, nameIssue } from "../../components/base/names";
import { UserError } from "../../components/base/userError";
import { routerKindNames } from "../../components/routerRoute/kindRegistry";
import { Answers, checkAnswers, zoneFor } from "./files";

/** Said of an answer that can't be; undefined: it can. */
type IssueOf = (text: string) => string | undefined;

const ask = async (message: string, fallback: string | undefined, issueOf: IssueOf): Promise<string> =>
  input(
    { message, default: fallback, validate: (text) => issueOf(text.trim()) ?? true },
    { output: process.stderr },
  ).then((text) => text.trim());

/**
 * `web1=192.0.2.2 web2=192.0.2.3` as address by name. Whether the addresses fit the network is checked with all else.
 * @param example what would work, such as `r1=192.0.2.1`
 * @throws UserError
 */
export function machinesIn(text: string, example = "web1=192.0.2.2"): Record<string, string> {
  const words = text.split(/[\s,]+/).filter(Boolean);
  return Object.fromEntries(
    words.map((word) => {
      const [name, address, more] = word.split("=");
      if (!address || more !== undefined || nameIssue(name))
        throw new UserError(
          `"${word}" is missing a name or an address; write NAME=ADDRESS, such as ${example}`,
        );
      return [name, address];
    }),
  );
}

/** What is wrong with the answers so far; undefined: nothing. What is not answered yet has no say. */
export function issueIn(answers: Partial<Answers>): string | undefined {
  try {
    checkAnswers(answers);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems[0].text;
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const blockIssue: IssueOf = (text) => {
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
  return { subnetPrefix: lengthOf(block) + 3, vipSubnets: 4 };
}

/** @param given what is known already */
export async function answer(given: Partial<Answers>): Promise<Answers> {
  const block =
    given.block ??
    (await ask(
      "Your address block (an eighth of it becomes the servers' subnet)",
      "192.0.2.0/24",
      blockIssue,
    ));
  const { subnetPrefix = subnets(block).subnetPrefix, vipSubnets = 4 } = given;
  const plan = planNetwork({ block, subnetPrefix, vipSubnets });
  const host = (number: number): string => vipOf(plan.serverSubnet, number);
  const known: Partial<Answers> = { ...given, block, subnetPrefix, vipSubnets };
  // Else all that is asked now would be lost in the end.
  checkAnswers(known);
  const list = async (
    key: "routers" | "servers" | "nameServers",
    what: string,
    fallback: string,
    example: string,
  ): Promise<Record<string, string>> => {
    const answered =
      given[key] ??
      machinesIn(
        await ask(what, fallback, (text) => {
          if (text === "" && key !== "nameServers") return `write at least one, such as ${example}`;
          try {
            return issueIn({ ...known, [key]: machinesIn(text, example) });
          } catch (error) {
            return (error as Error).message;
          }
        }),
      );
    known[key] = answered;
    return answered;
  };
  const routers = await list("routers", "Router, as NAME=ADDRESS", `r1=${host(1)}`, `r1=${host(1)}`);
  const routerKind =
    given.routerKind ??
    (await ask(`What the router runs: ${routerKindNames().join(", ")}`, "linux", (text) =>
      routerKindNames().includes(text) ? undefined : `use one of ${routerKindNames().join(", ")}`,
    ));
  const servers = await list(
    "servers",
    "Web servers, as NAME=ADDRESS",
    `web1=${host(2)} web2=${host(3)}`,
    `web1=${host(2)}`,
  );
  const nameServers = await list(
    "nameServers",
    "Name servers that run BIND, or nothing if DNS is hosted elsewhere",
    "",
    `ns1=${host(10)}`,
  );
  const user = given.user ?? (await ask("Login user on all machines", "root", () => undefined));
  const site = given.site ?? (await askSite());
  const contact =
    given.contact ??
    (Object.keys(nameServers).length === 0
      ? ""
      : await ask(
          "Contact mail address for its zone",
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
  const serverName = await ask("Your first site's domain name", "www.widgetco.example", domainIssue);
  const labels = serverName.split(".");
  const suggestion = labels.length > 2 ? labels[labels.length - 2] : labels[0];
  const name = await ask("Its name in the config", suggestion, nameIssue);
  const documentRoot = await ask(
    "The folder on the servers that has its files",
    `/srv/www/${name}`,
    (text) => (text.startsWith("/") ? undefined : "write an absolute path"),
  );
  return { name, serverName, documentRoot };
}
