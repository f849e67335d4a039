/** What is answered to a request, before anything is rendered. Pure. */
import { createHash, timingSafeEqual } from "node:crypto";

/** What a listener gives away. */
export enum Shown {
  Page = "page",
  Metrics = "metrics",
}

const PATHS = new Map([
  ["/", Shown.Page],
  ["/metrics", Shown.Metrics],
]);

/** What there is of a request. */
export interface Asked {
  method?: string;
  /** The request's target. */
  url?: string;
  host?: string;
  authorization?: string;
}

/** Who may ask. */
export interface Access {
  /** Host names and addresses that a request may name, IPv6 in brackets. A token makes them needless. */
  hosts: ReadonlySet<string>;
  /** Without it, whoever reaches the listener may ask. */
  token?: string;
}

/** A refusal, in words that name no path of this machine. */
export interface Refused {
  status: 401 | 404 | 405 | 421;
  text: string;
  headers: Record<string, string>;
}

/** @returns what to show, or why not */
export function answerTo(
  { method, url = "", host = "", authorization = "" }: Asked,
  access: Access,
): Shown | Refused {
  const { hosts, token } = access;
  // A page elsewhere whose name leads here (DNS rebinding) sends its own name. It can't send the token.
  if (token === undefined && !hosts.has(nameIn(host)))
    return refused(421, `this address answers only to ${[...hosts].join(", ")}`);
  if (token !== undefined && !sameText(authorization, `Bearer ${token}`))
    return refused(401, "send the token of --listen-token-file: Authorization: Bearer TOKEN", {
      "www-authenticate": "Bearer",
    });
  const shown = PATHS.get(url.replace(/\?.*$/s, ""));
  if (shown === undefined) return refused(404, "there are only / and /metrics");
  if (method !== "GET" && method !== "HEAD") return refused(405, "only GET and HEAD", { allow: "GET, HEAD" });
  return shown;
}

const refused = (status: Refused["status"], text: string, headers: Refused["headers"] = {}): Refused => ({
  ...{ status, headers },
  text: `${text}\n`,
});

/** Without the port: a forwarded one is another. */
const nameIn = (host: string): string =>
  (/^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::\d{1,5})?$/i.exec(host)?.[1] ?? "").toLowerCase();

/** In a time that does not depend on where they differ. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
