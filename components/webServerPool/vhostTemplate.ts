/**
 * The template of a site's virtual hosts, the same for all sites and servers, and the line of each site that fills it. The
 * server's filledVhosts.awk makes Apache's text of both; the template's parts for https are in tls/httpsTemplate.ts. Pure.
 */
import { VipBinding } from "../network/addressPlan";
import { withSecrets } from "./directives";
import { DesiredFiles } from "../host/payload.cjs";
import type { SiteTlsArgs } from "./tls/options";
import { renderDirective, renderSite } from "./lineFormats.cjs";
import { lastWord } from "./lastWord";
import {
  TlsContext,
  renderChallenge,
  renderChallengeRewrite,
  renderModules,
  renderRedirect,
  renderSecure,
  renderUnknownSecure,
} from "./tls/httpsTemplate";

/** A site that every server of a pool serves. */
export interface SiteArgs {
  /** Its name in config, file names and messages. */
  name: string;
  /** Its main DNS name. */
  serverName: string;
  /** Further DNS names; `*.example.org` is all names below a domain that no other site has. Default: none. */
  aliases?: string[];
  /** Absolute path of its files on every server; created when missing, never overwritten. */
  documentRoot: string;
  /**
   * Its own lines in its virtual host, one directive or part of one each, behind ours; `${secret:NAME}` stands for one of the
   * pool's `secrets`. They are root's configuration. Default: none.
   */
  apache?: string[];
  /** Its addresses, one out of each VIP subnet. Sites with the same ones share them by name. */
  vips: string[];
  /** How it is served by https. Default: as the pool's `tls` says, and not without that. */
  tls?: SiteTlsArgs;
}

/** What the renderer needs in addition to the sites. */
export interface VhostContext {
  /** The VIP subnets. */
  prefixes: string[];
  /** In subnet mode every address of a prefix is bound, so every one must answer unknown names. */
  binding: VipBinding;
  /** Default: nothing of https. */
  tls?: TlsContext;
}

/** The placeholder of the pool's secret token in all desired files. */
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
 * The desired files of the vhosts role, the same on every server: one template for all sites, and one line for each site, so
 * that a new site is one line in a preview and in the state. filledVhosts.awk puts them together.
 */
export function renderVhosts(sites: SiteLines, context: VhostContext, directives = ""): DesiredFiles {
  const alias = context.binding === VipBinding.Alias;
  const { tls, prefixes } = context;
  const all = (port = ""): string => prefixes.map((prefix) => `@EVERY:${prefix}${port}@`).join(" ");
  const site = siteTemplate(tls);
  const ourPaths = renderOurPaths(tls);
  return {
    "private/server.conf": lines([
      HEALTH,
      ...(tls ? renderModules(tls) : []),
      // Apache takes the first vhost of an address for names it doesn't know, so this one comes first.
      ...(alias ? [] : renderUnknown(all())),
      ...(alias || !tls ? [] : renderUnknownSecure(all(":443"), tls)),
    ]),
    "private/vhost.conf": lines([
      "# site @SITE@",
      ...(alias ? renderUnknown("@LISTEN@") : []),
      ...site,
      // A port that only redirects has nothing for them to do.
      ...(tls ? [...renderRedirect(), `@IF:!redirect@${OWN_DIRECTIVES}`] : [OWN_DIRECTIVES]),
      ...ourPaths,
      ...(alias && tls ? renderUnknownSecure("@LISTEN:443@", tls) : []),
      ...(tls ? renderSecure([...site, OWN_DIRECTIVES, ...ourPaths], tls) : []),
    ]),
    ...(directives === "" ? {} : { "private/directives": directives }),
    sites,
  };
}

/** What the pool's secret of that name is called among those of its commands. */
export const secretOfSite = (name: string): string => `site_${name}`;

/**
 * The sites' own lines. A secret in one is a placeholder here, and so in the state.
 */
export function renderDirectives(sites: SiteArgs[]): string {
  const byName = [...sites].sort((a, b) => (a.name < b.name ? -1 : 1));
  return lines(
    byName.flatMap(({ name, apache = [] }) =>
      apache.map((line) => {
        const wanted = withSecrets(line, (secret) => `@SECRET:${secretOfSite(secret)}@`);
        return renderDirective(name, wanted, wanted !== line);
      }),
    ),
  );
}

/** One line for each site, by its name. */
export type SiteLines = Record<string, string>;

/** Made once for all servers. */
export function renderSites(sites: SiteArgs[]): SiteLines {
  return Object.fromEntries(
    [...sites]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, serverName, aliases = [], vips, documentRoot }) => [
        name,
        renderSite({ names: [serverName, ...aliases], vips, documentRoot }),
      ]),
  );
}

// What all vhosts inherit. mod_proxy heeds no-proxy, for the ProxyPass of the whole server, too.
const HEALTH = `SetEnvIf Request_URI "^${healthPath(TOKEN)}$" loopback_ha_health no-proxy`;

// 421 Misdirected Request (RFC 9110, 15.5.20): no visitor is served another site's pages.
function renderUnknown(listen: string): string[] {
  return [
    `<VirtualHost ${listen}>`,
    "    ServerName unknown.loopback-ha.invalid",
    "    Redirect 421 /",
    "</VirtualHost>",
  ];
}

/** A site's own lines: behind ours, so that they have the last word but for our own paths'. */
const OWN_DIRECTIVES = "    @DIRECTIVES@";

function siteTemplate(tls: TlsContext | undefined): string[] {
  return [
    "<VirtualHost @LISTEN@>",
    "    ServerName @SERVER_NAME@",
    // Once for each alias.
    "    ServerAlias @ALIAS@",
    // First of all, so that no rule of the operator's answers instead (ADR 17).
    "    <IfModule rewrite_module>",
    "        RewriteEngine On",
    `        RewriteRule "^${healthPath(TOKEN)}$" - [END]`,
    ...(tls ? renderChallengeRewrite(tls) : []),
    "    </IfModule>",
    '    DocumentRoot "@ROOT@"',
    '    <Directory "@ROOT@">',
    "        Options FollowSymLinks",
    "        Require all granted",
    "    </Directory>",
    // No log line for it: the path is a secret, and probes come all the time.
    "    CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined env=!loopback_ha_health",
  ];
}

/** The end of each virtual host of a site: our own paths. */
function renderOurPaths(tls: TlsContext | undefined): string[] {
  return [
    // Answered out of the configuration: a thousand sites need no thousand files.
    ...lastWord(`Location "${healthPath(TOKEN)}"`, [
      "Redirect 200",
      `ErrorDocument 200 "${healthAnswer("@MACHINE@", "@SITE@")}"`,
    ]),
    ...(tls ? renderChallenge(tls) : []),
    "</VirtualHost>",
  ];
}

function lines(items: string[]): string {
  return items.map((item) => `${item}\n`).join("");
}
