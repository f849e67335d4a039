import { TlsVersion } from "../../config/model";

/** How a site is served that says nothing else. */
export const SITE_TLS = { redirect: true, hsts: 0, minimum: TlsVersion.Tls12 };
