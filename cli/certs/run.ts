/** A run of `certs` while it lasts: what it was asked for, what it has read, and what it has noted so far. */
import * as fs from "node:fs";
import * as path from "node:path";
import { FarmModel, SiteModel } from "../../components/config";
import { printable } from "../../components/host/foreignText.cjs";
import { Reading, filesOfPair, readPair } from "../../components/webServerPool/tls/pair.cjs";
import type { Session } from "../pulumi/session";
import type { Edit } from "../pulumi/stackFile";
import { Exit, UsageError } from "../terminal/exit";
import { Terminal } from "../terminal/output";
import type { Line } from "../watch/events";
import { Hooks } from "../watch/hooks";
import type { Client } from "./client";
import { Journal, readJournal, writeJournal } from "./journal";
import { PlannedSite, plan } from "./plan";

/** Let's Encrypt's directory. */
export const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

/** What a run is asked for. */
export interface CertsOptions {
  /** Only these sites, without a pause after earlier failures. Default: all. */
  sites?: string[];
  /** The CA's directory. Default: the last one, at first Let's Encrypt's. */
  server?: string;
  /** Contact address for the CA. Default: none. */
  email?: string;
  /** Renew the named sites' certificates even if they are not due. */
  renew?: boolean;
  /** Say what would be ordered, and do nothing. */
  dryRun?: boolean;
  /** Write CAA records. */
  caa?: boolean;
  /** The CA's domain in them. Default: the one that its directory names. */
  caaIssuer?: string;
  /** Addresses of name servers to ask instead of this machine's own. */
  resolvers?: string[];
  /** For how many seconds to keep asking for a name that is not in DNS yet. Default: 0. */
  dnsSeconds?: number;
  /** Order without checking that names resolve to the farm. */
  unchecked?: boolean;
  /** A shell command to run for each event. */
  hookCommand?: string;
  /** A webhook to post each event to. */
  hookUrl?: string;
}

/** What a run knows. The CA's half of the work is in orders.ts, the farm's in delivery.ts. */
export class Run {
  /** certbot's folder. */
  readonly folder: string;
  readonly client: Client;
  readonly hooks: Hooks;
  /** The operator is asked once; this terminal does the rest without a prompt. */
  readonly unasked: Terminal;
  readonly notes: string[] = [];
  interrupted = false;
  journal: Journal;

  constructor(
    readonly session: Session,
    readonly terminal: Terminal,
    readonly options: CertsOptions,
    public farm: FarmModel,
    /** The config's own `tls.folder`, or what it will be. */
    readonly pairs: string,
    /** What the config lacks. */
    readonly lacking: Edit[],
  ) {
    this.folder = path.resolve(fs.realpathSync(session.folder), path.dirname(pairs));
    const { server } = options;
    this.journal = readJournal(this.folder, { stack: session.id, server: server ?? LETS_ENCRYPT });
    if (this.journal.stack !== session.id)
      throw new UsageError(
        `${this.folder} has the certificates of stack ${printable(this.journal.stack)}, but this is ${session.id}: give this stack its own folder with tls.folder, such as acme-${session.name}/live. Nothing was touched`,
      );
    if (server !== undefined) this.journal = { ...this.journal, server };
    this.client = { folder: this.folder, server: this.journal.server };
    this.unasked = new Terminal({ json: terminal.json, yes: true });
    const { hookCommand: command, hookUrl: url } = options;
    this.hooks = new Hooks({
      ...{ command, url, stack: session.id },
      onFailure: (hook, reason) =>
        terminal.warn(`the hook failed and did not get the line (${hook}: ${printable(reason)})`),
    });
  }

  /** The first interrupt lets the order in progress finish, the second ends the program. */
  interrupt(): void {
    if (this.interrupted) process.exit(Exit.Interrupted);
    this.interrupted = true;
    this.terminal.warn("interrupted: waiting for the order in progress; no further orders will start");
  }

  /** The thumbprint of the account that the servers answer for. */
  get thumbprint(): string | undefined {
    return this.farm.tls?.acmeThumbprint;
  }

  /** The sites that it is about. */
  get sites(): SiteModel[] {
    const { sites } = this.options;
    return this.farm.sites.filter(({ name }) => !sites?.length || sites.includes(name));
  }

  /** What is due now, site by site. */
  plan(): PlannedSite[] {
    const pairs = new Map(this.sites.map(({ name }): [string, Reading] => [name, this.read(name)]));
    return plan(this.sites, pairs, new Date(), this.journal, {
      named: new Set(this.options.sites),
      renew: this.options.renew,
    });
  }

  /** A site's pair as it is in the folder. */
  read(site: string): Reading {
    return readPair(filesOfPair({ folder: this.pairs }, site), this.session.folder);
  }

  /** Whether CAA records are asked for. */
  get wantsCaa(): boolean {
    return this.options.caa === true || this.options.caaIssuer !== undefined;
  }

  /** Writes the journal before anything else happens, so that an order counts even if the run is killed. */
  note(journal: Journal): void {
    this.journal = journal;
    writeJournal(this.folder, journal);
  }

  /** Says a line on the terminal and to hooks. */
  say(line: Line): void {
    this.terminal.say(printable(line.text));
    this.tell(line);
  }

  /** To hooks only. */
  tell(line: Line): void {
    this.hooks.tell(line, new Date());
  }
}
