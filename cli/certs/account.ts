/** The one ACME account, as certbot keeps it: where its files lie, and its public thumbprint. */
import { createHash, createPublicKey } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { CliError } from "../terminal/exit";

/** An account of a CA. */
export interface Account {
  /** The name that certbot has for it. */
  id: string;
  /** The CA's name for it, which a CAA record may have (RFC 8657). */
  uri: string;
  /** RFC 7638, of its public key. */
  thumbprint: string;
}

/** A key as JSON (RFC 7517). */
export type Jwk = Record<string, string>;

/** What of a public key is hashed, by its type: in this order (RFC 7638, 3.2). */
const MEMBERS: Record<string, string[]> = {
  EC: ["crv", "kty", "x", "y"],
  RSA: ["e", "kty", "n"],
  OKP: ["crv", "kty", "x"],
};

/**
 * The thumbprint of a key, whether it is given with its private part or without.
 * @throws Error when it is none
 */
export function thumbprintOf(jwk: Jwk): string {
  // Node's own writing of it: a leading zero, or padding, would be another hash.
  const own = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "jwk" }) as Jwk;
  const members = MEMBERS[own.kty].map((name) => [name, own[name]]);
  return createHash("sha256")
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest("base64url");
}

/** Where certbot keeps the accounts of a CA, in its folder. */
export function accountsFolder(folder: string, server: string): string {
  const { host, pathname } = new URL(server);
  return path.join(folder, "accounts", host, ...pathname.split("/").filter(Boolean));
}

/**
 * The accounts of a CA that lie in the folder, the newest first.
 * @throws CliError when one can't be read
 */
export function accountsIn(folder: string, server: string): Account[] {
  const own = accountsFolder(folder, server);
  if (!fs.existsSync(own)) return [];
  return fs
    .readdirSync(own)
    .filter((id) => fs.existsSync(path.join(own, id, "private_key.json")))
    .map((id) => ({
      account: readAccount(path.join(own, id), id),
      made: fs.statSync(path.join(own, id)).mtimeMs,
    }))
    .sort((a, b) => b.made - a.made)
    .map(({ account }) => account);
}

/** The thumbprints of all accounts in the folder, at whichever CA. */
export function allThumbprints(folder: string): string[] {
  const accounts = path.join(folder, "accounts");
  if (!fs.existsSync(accounts)) return [];
  const files = fs.readdirSync(accounts, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => path.basename(file) === "private_key.json")
    .map((file) => readAccount(path.join(accounts, path.dirname(file)), "").thumbprint);
}

function readAccount(folder: string, id: string): Account {
  const read = (name: string): unknown => JSON.parse(fs.readFileSync(path.join(folder, name), "utf8"));
  try {
    const { uri } = read("regr.json") as { uri: string };
    return { id, uri, thumbprint: thumbprintOf(read("private_key.json") as Jwk) };
  } catch (error) {
    // The message of a parser would show a part of the key.
    const why = (error as NodeJS.ErrnoException).code ?? "it is not a certbot account";
    throw new CliError(
      `the ACME account in ${folder} can't be read (${why}); nothing was ordered. Restore it from a backup, or move the folder away: the next run then creates a new account`,
    );
  }
}
