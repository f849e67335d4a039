/** Certificates for tests: an authority, an intermediate one, and what they issue. */
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import {
  CertificateRequest,
  makeCertificate,
  makeKey,
} from "../components/webServerPool/tls/makeCertificate.cjs";
import { hexOf } from "../lab/load/http";

const DAY_MS = 86_400_000;

/** So many days from now, at a whole second. */
export const inDays = (days: number, now = Date.now()): Date =>
  new Date(Math.floor((now + days * DAY_MS) / 1000) * 1000);

export interface Authority {
  subject: string;
  privateKey: string;
  certificate: string;
}

/** A root, and an intermediate one with this key that it issued. */
export function makeAuthorities(privateKey = makeKey()): { root: Authority; intermediate: Authority } {
  const validity = { from: inDays(-100), to: inDays(1000), isAuthority: true };
  const root = { subject: "Test Root", privateKey: makeKey() };
  const intermediate = { subject: "Test Intermediate", privateKey };
  return {
    root: { ...root, certificate: makeCertificate({ ...root, ...validity }) },
    intermediate: {
      ...intermediate,
      certificate: makeCertificate({ ...intermediate, ...validity, issuer: root }),
    },
  };
}

/** A pair as an ACME client writes it. */
export interface TestPair {
  chain: string;
  key: string;
}

/** What an authority issues for these names: valid for 90 days since yesterday unless told otherwise. */
export function issue(
  issuer: Authority,
  names: string[],
  request: Partial<CertificateRequest> = {},
): TestPair & { leaf: string } {
  const key = request.privateKey ?? makeKey();
  const leaf = makeCertificate({
    ...{ subject: names[0] ?? "nobody", names, privateKey: key, issuer, from: inDays(-1), to: inDays(89) },
    ...request,
  });
  return { leaf, chain: leaf + issuer.certificate, key };
}

/** Of the certificate itself, as a client is shown it. */
export const sha256Of = ({ chain }: TestPair): string => hexOf(new X509Certificate(chain).fingerprint256);

/** Writes a pair where a client would. */
export function writePair(folder: string, { chain, key }: TestPair): void {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "fullchain.pem"), chain);
  fs.writeFileSync(path.join(folder, "privkey.pem"), key, { mode: 0o600 });
}
