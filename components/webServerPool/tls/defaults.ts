/** Versions of TLS. */
export enum TlsVersion {
  /** RFC 5246. */
  Tls12 = "TLSv1.2",
  /** RFC 8446. */
  Tls13 = "TLSv1.3",
}

/** How a site is served that says nothing else. */
export const SITE_TLS = { redirect: true, hsts: 0, minimum: TlsVersion.Tls12 };
