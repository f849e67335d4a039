import { isIP } from "node:net";
import { Command, Option } from "commander";
import { orderCertificates } from "../certs/certs";
import { CertsResult, describeResult, exitOf } from "../certs/result";
import { CertsOptions, LETS_ENCRYPT } from "../certs/run";
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

/** Adds the options of every command that orders certificates. */
export function withOrderOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--server <url>",
        `the CA's ACME directory URL (default: the one used last time; the first time, ${LETS_ENCRYPT})`,
      ).env("LOOPBACK_HA_ACME_SERVER"),
    )
    .option("--email <address>", "contact address for the ACME account (default: none)")
    .addOption(
      new Option(
        "--resolver <address>",
        "check whether names resolve to the farm with this name server, if this machine's own gives other addresses than the public DNS; repeatable",
      )
        .env("LOOPBACK_HA_RESOLVER")
        .argParser(resolverIn),
    );
}

function resolverIn(text: string, all: string[] = []): string[] {
  if (isIP(text.replace(/:\d+$/, "")) === 4 || isIP(text) === 6) return [...all, text];
  throw new UsageError(
    `--resolver: ${show(text)} is not a name server's IP address; use one such as 192.0.2.10, or 192.0.2.10:5353`,
  );
}

/** `certs`: certificates for farms without an ACME client of their own. */
export function certsCommand(): Command {
  return withOrderOptions(
    new Command("certs")
      .argument(
        "[sites...]",
        "names of sites, which are ordered even after failures (default: all sites with https)",
      )
      .description(
        "order missing or expiring certificates with certbot and install them on all servers; see docs/https.md",
      ),
  )
    .option(
      "--renew",
      "renew the named sites' certificates even if they are not due yet, for example because others have seen a key",
    )
    .option("--dry-run", "only show which certificates would be ordered and which would be refused")
    .option(
      "--caa",
      "add CAA records to the farm's zones, so that no other ACME account can order certificates for them",
    )
    .option(
      "--caa-issuer <domain>",
      "like --caa, with this CA domain in the records (default: the one that the CA's directory names)",
    )
    .option(
      "--no-check",
      "order without checking that the names resolve to the farm, for a machine that can't reach the VIPs",
    )
    .option("--hook-command <command>", "run this shell command for each event line")
    .addOption(
      new Option("--hook-url <url>", "post each event line to this webhook").env("LOOPBACK_HA_HOOK_URL"),
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
  return orderCertificates(session, terminal, {
    ...{ sites, server, email, renew, dryRun, caa, caaIssuer, hookCommand, hookUrl, dnsSeconds },
    ...{ resolvers: resolver, unchecked: check === false },
  });
}
