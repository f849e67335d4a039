import { VipBinding, addressesOf } from "../addressPlan";

/** A site that every server of a pool serves. */
export interface SiteArgs {
  /** Its name in config, file names and messages. */
  name: string;
  /** Its main DNS name. */
  serverName: string;
  /** Further DNS names. Default: none. */
  aliases?: string[];
  /** Absolute path of its files on every server; created when missing, never overwritten. */
  documentRoot: string;
  /** Its addresses, one out of each VIP subnet. Sites with the same ones share them by name. */
  vips: string[];
}

/** What the renderer needs besides the sites. */
export interface VhostContext {
  /** The instance on the machine: its folder holds the health answers. */
  instance: string;
  /** The VIP subnets. */
  prefixes: string[];
  /** In subnet mode every address of a prefix is bound, so every one must answer unknown names. */
  binding: VipBinding;
}

/** Stands for the pool's secret token in all wanted files. */
export const TOKEN = "@SECRET:health@";

/** The path that answers with the server's and the site's name. */
export function healthPath(token: string): string {
  return `/.well-known/loopback-ha/${token}`;
}

/** What a server answers on a site's health path. */
export function healthAnswer(server: string, site: string): string {
  return `${server} ${site}`;
}

/**
 * The wanted files of the vhosts concern, the same on every server: one a site, so that a new site is one new file
 * in a preview. All else that concern.sh needs, it reads out of them.
 */
export function renderVhosts(sites: SiteArgs[], context: VhostContext): Record<string, string> {
  const files: Record<string, string> = {};
  if (context.binding === VipBinding.Subnet) {
    // Apache takes the first vhost of an address for names it doesn't know, so this one must sort first.
    files["private/sites/000-unassigned.conf"] = lines(renderUnknown(context.prefixes.flatMap(addressesOf)));
  }
  for (const site of [...sites].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    files[`private/sites/site-${site.name}.conf`] = lines([
      ...(context.binding === VipBinding.Alias ? renderUnknown(site.vips) : []),
      ...renderSite(site, context.instance),
    ]);
  }
  return files;
}

// 421 Misdirected Request (RFC 9110, 15.5.20): nobody is served somebody else's site.
function renderUnknown(addresses: string[]): string[] {
  return [
    `<VirtualHost ${listenOn(addresses)}>`,
    "    ServerName unknown.loopback-ha.invalid",
    "    Redirect 421 /",
    "</VirtualHost>",
  ];
}

function renderSite(site: SiteArgs, instance: string): string[] {
  const answers = `/var/lib/loopback-ha/${instance}/health`;
  return [
    `<VirtualHost ${listenOn(site.vips)}>`,
    `    ServerName ${site.serverName}`,
    ...(site.aliases ?? []).map((alias) => `    ServerAlias ${alias}`),
    `    DocumentRoot "${site.documentRoot}"`,
    `    <Directory "${site.documentRoot}">`,
    "        Options FollowSymLinks",
    "        Require all granted",
    "    </Directory>",
    `    Alias "${healthPath(TOKEN)}" "${answers}/${site.name}"`,
    `    <Directory "${answers}">`,
    "        AllowOverride None",
    "        Require all granted",
    "        ForceType text/plain",
    "    </Directory>",
    // No log line for it: the path is a secret, and probes come all the time.
    `    SetEnvIf Request_URI "^${healthPath(TOKEN)}$" loopback_ha_health`,
    "    CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined env=!loopback_ha_health",
    "</VirtualHost>",
  ];
}

function listenOn(addresses: string[]): string {
  return addresses.map((address) => `${address}:80`).join(" ");
}

function lines(items: string[]): string {
  return items.map((item) => `${item}\n`).join("");
}
