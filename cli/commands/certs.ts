import { isIP } from "node:net";
import { Command, Option } from "commander";
import { Certs, CertsOptions, CertsResult, LETS_ENCRYPT, describeResult, exitOf } from "../certs/certs";
import { show } from "../../components/base/problems";
import { UsageError } from "../terminal/exit";
import type { Session } from "../pulumi/session";
import type { Terminal } from "../terminal/output";
import { open } from "./command";
import { checkUrl } from "./watch";

/** As the options are given. */
export type GivenCerts = Omit<CertsOptions, "sites" | "resolvers" | "unchecked" | "dnsSeconds"> & {
  resolver?: string[];
  check?: boolean;
};

/** The options of whoever orders certificates. */
export function withOrderOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--server <url>",
        `the CA's directory; default: the one of the last run, at first ${LETS_ENCRYPT}`,
      ).env("LOOPBACK_HA_ACME_SERVER"),
    )
    .option("--email <address>", "where the CA writes to, for the account; default: nowhere")
    .addOption(
      new Option(
        "--resolver <address>",
        "a name server that is asked whether names lead to the farm, in place of this machine's; may be given again",
      )
        .env("LOOPBACK_HA_RESOLVER")
        .argParser(resolverIn),
    );
}

function resolverIn(text: string, all: string[] = []): string[] {
  if (isIP(text.replace(/:\d+$/, "")) === 4 || isIP(text) === 6) return [...all, text];
  throw new UsageError(
    `--resolver: ${show(text)} is no address of a name server; use one such as 192.0.2.10, or 192.0.2.10:5353`,
  );
}

/** `certs`: certificates for who has no ACME client running. */
export function certsCommand(): Command {
  return withOrderOptions(
    new Command("certs")
      .argument("[sites...]", "only these; default: all that are served by https")
      .description(
        "orders the certificates that are missing or due, by certbot, and brings them to all servers; see docs/https.md",
      ),
  )
    .option("--renew", "for the named sites, also where the certificate is good for a while")
    .option("--dry-run", "say what would be ordered, and do nothing")
    .option("--caa", "write CAA records by which no other account may order for the farm's zones")
    .option("--caa-issuer <domain>", "the same, with the CA's name in them; default: as its directory says")
    .option("--no-check", "order without asking whether the names lead to the farm")
    .option("--hook-command <command>", "a shell command that is told each line")
    .addOption(
      new Option("--hook-url <url>", "a web hook that is told each line").env("LOOPBACK_HA_HOOK_URL"),
    )
    .action(async (sites: string[], options: GivenCerts, command: Command) => {
      checkUrl(options.hookUrl);
      const { session, terminal } = await open(command);
      const result = await orderFor(session, terminal, sites, options);
      terminal.result(result, () => describeResult(result));
      process.exitCode = exitOf(result);
    });
}

/** Orders as the options say. */
export async function orderFor(
  session: Session,
  terminal: Terminal,
  sites: string[],
  { resolver, check, ...options }: GivenCerts,
  dnsSeconds = 0,
): Promise<CertsResult> {
  const { server, email, renew, dryRun, caa, caaIssuer, hookCommand, hookUrl } = options;
  return Certs.run(session, terminal, {
    ...{ sites, server, email, renew, dryRun, caa, caaIssuer, hookCommand, hookUrl, dnsSeconds },
    ...{ resolvers: resolver, unchecked: check === false },
  });
}
