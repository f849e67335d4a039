/** Where the watcher listens: what `--listen` and `--listen-token-file` may say. */
import * as fs from "node:fs";
import * as net from "node:net";
import { show } from "../../components/base/problems";
import { UsageError } from "../terminal/exit";

/** Where to listen, and who may ask. */
export interface ListenAddress {
  address: string;
  port: number;
  token?: string;
}

/** The example of all messages and docs. */
export const EXAMPLE = "127.0.0.1:9762";
const FORM = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/;
const UNTOUCHED = "Nothing was touched";

/**
 * @param text such as `127.0.0.1:9762` or `[::1]:9762`
 * @throws UsageError with a value that would work
 */
export function parseListen(text: string): { address: string; port: number } {
  const [, six, four = "", digits] = FORM.exec(text) ?? [];
  const address = six ?? (four === "localhost" ? "127.0.0.1" : four);
  const port = Number(digits);
  if (digits === undefined || net.isIP(address) !== (six === undefined ? 4 : 6))
    throw new UsageError(
      `--listen: ${show(text)} is not an address and a port; use ${EXAMPLE} or [::1]:9762. ${UNTOUCHED}`,
    );
  if (port < 1 || port > 65_535)
    throw new UsageError(
      `--listen: ${digits} is not a port; use 1 to 65535, such as ${EXAMPLE}. ${UNTOUCHED}`,
    );
  return { address, port };
}

const loopback = new net.BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
export const isLoopback = (address: string): boolean =>
  loopback.check(address, net.isIPv6(address) ? "ipv6" : "ipv4");

/**
 * What the two options say together.
 * @throws UsageError where the page would be open to everyone, or the token is none
 */
export function listenAddress(
  listen: string | undefined,
  tokenFile: string | undefined,
): ListenAddress | undefined {
  if (listen === undefined) {
    if (tokenFile === undefined) return undefined;
    throw new UsageError(`--listen-token-file needs an address: --listen ${EXAMPLE}. ${UNTOUCHED}`);
  }
  const { address, port } = parseListen(listen);
  if (tokenFile !== undefined) return { address, port, token: readToken(tokenFile) };
  if (isLoopback(address)) return { address, port };
  throw new UsageError(
    `--listen: ${address} can be reached from other machines, and the page shows the whole farm. Use ${EXAMPLE} and a proxy with a login in front, or a token: --listen-token-file FILE. ${UNTOUCHED}`,
  );
}

/** Of RFC 6750, and long enough that it can't be guessed. */
const TOKEN = /^[A-Za-z0-9._~+/-]{20,}=*$/;
const MAKE = (file: string): string => `(umask 077; openssl rand -hex 32 >${file})`;

/** The file is read once, at the start. */
function readToken(file: string): string {
  const wrong = (what: string, remedy: string): UsageError =>
    new UsageError(`--listen-token-file: ${show(file)} ${what}; ${remedy}. ${UNTOUCHED}`);
  let text: string;
  let mode: number;
  try {
    const descriptor = fs.openSync(file, "r");
    try {
      mode = fs.fstatSync(descriptor).mode & 0o777;
      text = fs.readFileSync(descriptor, "utf8").trim();
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    throw wrong(`can't be read (${(error as Error).message})`, `make it: ${MAKE("FILE")}`);
  }
  if ((mode & 0o077) !== 0)
    throw wrong(`can be read by other users (mode ${mode.toString(8)})`, `run chmod 600 ${show(file)}`);
  // It is a secret: nothing of it is shown.
  if (!TOKEN.test(text))
    throw wrong(
      "has no token of at least 20 letters, digits or . _ ~ + / - in one line",
      `make one: ${MAKE("FILE")}`,
    );
  return text;
}
