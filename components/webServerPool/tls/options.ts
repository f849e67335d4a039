/** How a pool and its sites are served by https. */
import * as pulumi from "@pulumi/pulumi";
import { TlsVersion } from "./defaults";

/** What all sites of a pool have in common for https. */
export interface PoolTlsArgs {
  /**
   * Folder on this machine, from the project's folder, that has one for each site by its name, with `fullchain.pem` and
   * `privkey.pem` in it, as ACME clients write them. With it every site is served by https. Default: none.
   */
  folder?: string;
  /** The same for `privkey.pem` alone. Default: beside the certificate. */
  keys?: string;
  /**
   * By which every server answers ACME's http-01 (RFC 8555, 8.3): the public thumbprint of the account (RFC 7638). Default:
   * no server does.
   */
  acmeThumbprint?: string;
  /** Whether sessions are resumed by tickets (RFC 5077), on all servers by one key, which is a secret of the state. Default: true. */
  tickets?: boolean;
}

/** How a site is served by https. */
export interface SiteTlsArgs {
  /** False: the site is served by http only, even in a pool with https. Default: true. */
  enabled?: boolean;
  /** Folder of the site's own `fullchain.pem` and `privkey.pem`. Default: the one by its name in the pool's. */
  folder?: string;
  /** Folder of `privkey.pem`. Default: beside the certificate. */
  keys?: string;
  /** The certificate and its chain, as PEM, if the program makes them. Default: those in the folder. */
  certificate?: pulumi.Input<string>;
  /** The key of `certificate`, as PEM. It is a secret of the state then. */
  privateKey?: pulumi.Input<string>;
  /** Whether port 80 redirects to 443, but for the health path and ACME's challenge. Default: true. */
  redirect?: boolean;
  /** For how many seconds browsers must insist on https (RFC 6797); 0: not at all. Default: 0. */
  hsts?: number;
  /** The oldest version that is spoken. Default: TLSv1.2. */
  minimum?: TlsVersion;
}
