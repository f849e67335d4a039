/**
 * The parts of the virtual hosts' template (vhostTemplate.ts) that are for https, which filledVhosts.awk fills in on the server. A
 * line that begins with `@IF:WORD@` is only for sites with that word: https (its certificate is there), TLSv1.2 or TLSv1.3 (its
 * minimum), redirect, hsts; with `!` before the word, for the others. Pure.
 */
import { TlsVersion } from "./defaults";
import { lastWord } from "../lastWord";

/** What the renderer needs in addition to the sites. */
export interface TlsContext {
  /** How each site that has https is served, by its name; see `renderHttps`. */
  https: Record<string, string>;
  /** The thumbprint by which ACME's http-01 is answered. Default: it is not. */
  acmeThumbprint?: string;
  /** Whether sessions are resumed by tickets. */
  tickets: boolean;
}

const CHALLENGES = "/\\.well-known/acme-challenge/";
/** RFC 8555, 8.1: base64url. */
const TOKEN = "[A-Za-z0-9_-]+";

const hasHttps = ({ https }: TlsContext): boolean => Object.keys(https).length > 0;

/** What comes before all sites. Modules that nothing else has enabled come and go with this stack's own file. */
export function renderModules(tls: TlsContext): string[] {
  return [
    ...(hasHttps(tls)
      ? [
          "<IfModule !ssl_module>",
          "    LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so",
          // Who has it enabled listens by Debian's ports.conf.
          "    Listen 443",
          "</IfModule>",
        ]
      : []),
    "<IfModule !headers_module>",
    "    LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so",
    "</IfModule>",
  ];
}

/** Before all of the operator's rules. */
export function renderChallengeRewrite({ acmeThumbprint }: TlsContext): string[] {
  return acmeThumbprint === undefined ? [] : [`        RewriteRule "^${CHALLENGES}" - [END]`];
}

/**
 * In each vhost of a site: the answer to ACME's http-01 (RFC 8555, 8.3), which no server needs to be told. Only what is a
 * token is answered, and as plain text: the answer repeats it.
 */
export function renderChallenge({ acmeThumbprint }: TlsContext): string[] {
  if (acmeThumbprint === undefined) return [];
  return [
    `    SetEnvIf Request_URI "^${CHALLENGES}" no-proxy`,
    ...lastWord(`LocationMatch "^${CHALLENGES}"`, ["Redirect 404"]),
    ...lastWord(`LocationMatch "^${CHALLENGES}(?<token>${TOKEN})$"`, [
      "Redirect 200",
      `ErrorDocument 200 "%{env:MATCH_TOKEN}.${acmeThumbprint}"`,
      "Header always set Content-Type text/plain",
      "Header always set X-Content-Type-Options nosniff",
    ]),
  ];
}

/** At the end of a site's vhost on port 80: all but the health path and the challenge. */
export function renderRedirect(): string[] {
  return [
    `    <LocationMatch "^/(?!\\.well-known/(loopback-ha|acme-challenge)/)">`,
    // The name that was asked for, of those which the site has.
    '        Redirect permanent "https://%{SERVER_NAME}%{REQUEST_URI}"',
    "    </LocationMatch>",
  ].map((line) => `@IF:redirect@${line}`);
}

/** A site's vhost on port 443, made of that on port 80. */
export function renderSecure([open, name, aliases, ...rest]: string[], tls: TlsContext): string[] {
  return [
    open.replace("@LISTEN@", "@LISTEN:443@"),
    name,
    aliases,
    ...engine(tls, "@CERTIFICATE@"),
    ...Object.values(TlsVersion).map((minimum) => `@IF:${minimum}@    SSLProtocol ${PROTOCOLS[minimum]}`),
    '@IF:hsts@    Header always set Strict-Transport-Security "max-age=@HSTS@"',
    ...rest,
  ].map((line) => `@IF:https@${line}`);
}

/** The first vhost of an address decides about names that no site has, and about tickets. */
export function renderUnknownSecure(listen: string, tls: TlsContext): string[] {
  if (!hasHttps(tls)) return [];
  return [
    `<VirtualHost ${listen}>`,
    "    ServerName unknown.loopback-ha.invalid",
    ...engine(tls, "@STORE@/unknown.pem"),
    `    SSLProtocol ${PROTOCOLS[TlsVersion.Tls12]}`,
    "    Redirect 421 /",
    "</VirtualHost>",
  ];
}

/** What Apache's SSLProtocol has for each minimum. */
const PROTOCOLS: Record<TlsVersion, string> = {
  [TlsVersion.Tls12]: "-all +TLSv1.2 +TLSv1.3",
  [TlsVersion.Tls13]: "-all +TLSv1.3",
};

/** Of TLS 1.2: "intermediate" of Mozilla's Server Side TLS 5.7, https://wiki.mozilla.org/Security/Server_Side_TLS. */
const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "DHE-RSA-AES128-GCM-SHA256",
  "DHE-RSA-AES256-GCM-SHA384",
  "DHE-RSA-CHACHA20-POLY1305",
].join(":");

function engine({ tickets }: TlsContext, certificate: string): string[] {
  return [
    "    SSLEngine On",
    // With its key, and the chain behind it: one file is never half a pair.
    `    SSLCertificateFile "${certificate}"`,
    `    SSLCipherSuite ${CIPHERS}`,
    "    SSLHonorCipherOrder Off",
    // Debian has them off. All servers have one key: who comes back finds another server after a failover.
    ...(tickets
      ? ["    SSLSessionTickets On", '    SSLSessionTicketKeyFile "@TICKET@"']
      : ["    SSLSessionTickets Off"]),
    "    <IfModule http2_module>",
    "        Protocols h2 http/1.1",
    "    </IfModule>",
  ];
}
