import { Command, InvalidArgumentError } from "commander";
import { change } from "../edits/change";
import { NewSite, addressesText, additionOf, refuseHidden, removalOf, siteNamed } from "../edits/site";
import { describeResult, exitOf } from "../certs/result";
import { pairsFolderOf } from "../certs/folder";
import { GivenCerts, orderFor, withOrderOptions } from "./certs";
import { open } from "./command";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

function hostNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("use a whole number, such as 5");
}

type AddOptions = NewSite & { alias?: string[]; hideExisting?: true; certs?: true } & GivenCerts;

/** How long to wait until all name servers have a new name. */
const NEW_NAME_SECONDS = 60;

/** `site add`, `site remove`. */
export function siteCommand(): Command {
  const site = new Command("site").description("add or remove a site");
  withOrderOptions(site.command("add"))
    .argument("<name>", "the site's name in the config")
    .description("add a site to all servers, with the next free host number; shows a preview first")
    .requiredOption("--server-name <domain>", "the site's domain name, such as www.example.org")
    .requiredOption("--document-root <folder>", "the folder on the servers that has its files")
    .option("--alias <domain>", "another domain name of the site; repeatable", collect)
    .option(
      "--host-number <number>",
      "its host number in each VIP subnet (default: the next free number)",
      hostNumber,
    )
    .option("--share-vips-with <site>", "use another site's VIPs instead of VIPs of its own")
    .option("--contact <mail>", "create the DNS zone of its name, with this contact address")
    .option("--zone <domain>", "the name of that zone (default: the domain name without its first label)")
    .option(
      "--hide-existing",
      "go ahead if a virtual host not managed by this stack already serves the name: on the VIPs, the new site hides it",
    )
    .option("--certs", "then order its certificate and install it on all servers")
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { session, terminal } = await open(command);
      if (options.certs) pairsFolderOf(await session.farm());
      const edits = additionOf(await session.farm(), name, { ...options, aliases: options.alias });
      const outcome = await change(session, terminal, `add site ${name}`, edits, {
        check: ({ hidden }) => {
          if (!options.hideExisting) refuseHidden(name, hidden);
        },
      });
      const added = siteNamed(outcome.farm, name);
      const has = `${name} has ${addressesText(added)}`;
      if (!options.certs) return terminal.result({ ...outcome, farm: undefined, site: added }, () => has);
      terminal.say(has);
      const certs = await orderFor(session, terminal, [name], options, NEW_NAME_SECONDS);
      terminal.result({ ...outcome, farm: undefined, site: added, certs }, () => describeResult(certs));
      process.exitCode = exitOf(certs);
    });
  site
    .command("remove")
    .argument("<name>", "the site's name in the config")
    .description(
      "remove a site in two runs: first from DNS; then, once resolvers have forgotten it, from the servers",
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const { session, terminal } = await open(command);
      const farm = await session.farm();
      const { retiring } = siteNamed(farm, name);
      const what = retiring ? `remove site ${name} from the servers` : `take site ${name} out of DNS`;
      const outcome = await change(session, terminal, what, removalOf(farm, name));
      terminal.result({ ...outcome, farm: undefined }, () =>
        retiring
          ? `${name} is removed; its files in the document root are still there`
          : `${name} is out of DNS; the servers still answer for it. Once resolvers have forgotten it (after the zone's TTL), run: loopback-ha site remove ${name}`,
      );
    });
  return site;
}
