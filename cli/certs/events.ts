/** What hooks get, in words that stay the same; docs/https.md lists them. Pure. */
import type { Line } from "../watch/events";
import { listed } from "./listed";

const line = (event: string, fields: Line["fields"], text: string): Line => ({ event, fields, text });

export const ordered = (site: string, names: string[], expires: string): Line =>
  line(
    "ordered",
    { site, names: names.join(","), expires },
    `${site}: new certificate, valid until ${expires}`,
  );
export const failed = (site: string, reason: string): Line =>
  line("failed", { site }, `${site}: the order failed: ${reason}`);
export const refused = (site: string, reason: string): Line =>
  line("refused", { site }, `${site}: not ordered: ${reason}`);
export const stopped = (site: string, reason: string): Line =>
  line("stopped", { site }, `${site}: ${reason}`);
export const delivered = (sites: string[]): Line =>
  line("delivered", { sites: sites.join(",") }, `the servers have new certificates: ${listed(sites)}`);
export const undelivered = (sites: string[], reason: string): Line =>
  line(
    "undelivered",
    { sites: sites.join(",") },
    `not every server has the new certificates (${listed(sites)}): ${reason}`,
  );
