/** What the stack's state has of certificates. */
import { outputsInState } from "../../host/inState";
import { Payload, filesOf } from "../../host/payload.cjs";
import { bySite } from "../lineFormats.cjs";
import type { CertificateLines } from "./plan";

/**
 * @param commands resource name of each server's command, by server
 * @returns the lines of the wanted file `certificates`, by server; a server of which the state knows nothing has none
 */
export async function heldCertificates(
  commands: Map<string, string>,
): Promise<Map<string, CertificateLines>> {
  const byName = new Map(
    Object.entries(await outputsInState()).map(([urn, { outputs }]) => [
      urn.slice(urn.lastIndexOf("::") + 2),
      outputs,
    ]),
  );
  return new Map(
    [...commands].map(([server, command]) => [server, certificatesIn(byName.get(command)?.stdin)]),
  );
}

/** Out of a command's stdin, as the state has it. */
export function certificatesIn(stdin: unknown): CertificateLines {
  if (typeof stdin !== "string" || !stdin.includes('"certificates"')) return {};
  try {
    const { want, packed = {} } = JSON.parse(stdin) as Payload;
    const lines = want.certificates;
    if (typeof lines === "object") return lines;
    if (packed.certificates === undefined) return {};
    const { certificates } = filesOf({ want: {}, packed: { certificates: packed.certificates } });
    return bySite(certificates.split("\n").filter(Boolean));
  } catch {
    return {};
  }
}
