import { Command, InvalidArgumentError } from "commander";
import { change } from "../edits/change";
import { NewSite, addressesText, additionOf, refuseHidden, removalOf, siteNamed } from "../edits/site";
import { describeResult, exitOf } from "../certs/certs";
import { pairsFolderOf } from "../certs/folder";
import { GivenCerts, orderFor, withOrderOptions } from "./certs";
import { open } from "./command";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

function hostNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a whole number, such as 5");
}

type AddOptions = NewSite & { alias?: string[]; hideExisting?: true; certs?: true } & GivenCerts;

/** So long the name servers may take until all of them know a new name. */
const NEW_NAME_SECONDS = 60;

/** `site add`, `site remove`. */
export function siteCommand(): Command {
  const site = new Command("site").description("a new customer's site, and one that goes");
  withOrderOptions(site.command("add"))
    .argument("<name>", "its name in the config")
    .description("takes the next free host number, shows the preview, and brings the site to all servers")
    .requiredOption("--server-name <domain>", "its domain name, such as www.example.org")
    .requiredOption("--document-root <folder>", "where its files are on the servers")
    .option("--alias <domain>", "one more domain name; may be given again", collect)
    .option(
      "--host-number <number>",
      "its host number in each VIP subnet; default: the next free one",
      hostNumber,
    )
    .option("--share-vips-with <site>", "the VIPs of another site in place of own ones")
    .option("--contact <mail>", "makes the zone of its name, with this address of whoever is responsible")
    .option("--zone <domain>", "that zone; default: the server name without its first label")
    .option(
      "--hide-existing",
      "although a virtual host of somebody else's serves its name on a server: on the VIPs, ours answers in its place",
    )
    .option("--certs", "then, order its certificate, and bring that to all servers")
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { session, terminal } = await open(command);
      if (options.certs) pairsFolderOf(await session.farm());
      const edits = additionOf(await session.farm(), name, { ...options, aliases: options.alias });
      const outcome = await change(session, terminal, `add site ${name}`, edits, ({ hidden }) => {
        if (!options.hideExisting) refuseHidden(name, hidden);
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
    .argument("<name>", "its name in the config")
    .description("first out of DNS; the second time, when no resolver knows it any more, from the servers")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { session, terminal } = await open(command);
      const farm = await session.farm();
      const { retiring } = siteNamed(farm, name);
      const what = retiring ? `remove site ${name} from the servers` : `take site ${name} out of DNS`;
      const outcome = await change(session, terminal, what, removalOf(farm, name));
      terminal.result({ ...outcome, farm: undefined }, () =>
        retiring
          ? `${name} is gone; its files in the document root stay`
          : `${name} is out of DNS, and still answered. When resolvers have forgotten it (the zone's TTL): loopback-ha site remove ${name}`,
      );
    });
  return site;
}
