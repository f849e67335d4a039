/** A CA that speaks ACME, on the lab's client: Pebble, which asks the farm's name server and servers as a real one would. */
import { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { capture } from "../../lab/capture";
import { Lab } from "../../lab/lab";
import { within } from "./support";

/** The client's own address. */
const ADDRESS = "198.51.100.10";
const PORT = 14000;
const MANAGEMENT_PORT = 15000;
/** The farm's name server, which the CA asks. */
export const NAME_SERVER = "192.0.2.10";

export class Pebble {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** Its directory, for ACME clients. */
  readonly server = `https://${ADDRESS}:${PORT}/dir`;

  /** What it takes of the environment to order from it. */
  get env(): Record<string, string> {
    const trusted = path.join(this.folder, "directory.pem");
    return {
      LOOPBACK_HA_ACME_SERVER: this.server,
      LOOPBACK_HA_RESOLVER: NAME_SERVER,
      // Of certbot, and of Node.
      REQUESTS_CA_BUNDLE: trusted,
      NODE_EXTRA_CA_CERTS: trusted,
    };
  }

  /**
   * Starts one; the lab is up. It ends with `stop`, and with this program.
   * @param days how long its certificates are good for
   */
  static async start(lab: Lab, { days = 90 }: { days?: number } = {}): Promise<Pebble> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pebble-"));
    const base = fs.readFileSync(path.join(lab.folder, "base"), "utf8").trim();
    const [certificate, privateKey] = ["directory.pem", "directory.key"].map((name) =>
      path.join(folder, name),
    );
    const made = await capture("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", "/CN=Pebble", "-addext", `subjectAltName=IP:${ADDRESS}`],
      ...["-keyout", privateKey, "-out", certificate],
    ]);
    if (made.code !== 0) throw new Error(made.stderr);
    const validity = days * 86_400;
    fs.writeFileSync(
      path.join(folder, "pebble.json"),
      JSON.stringify({
        pebble: {
          ...{ listenAddress: `0.0.0.0:${PORT}`, managementListenAddress: `0.0.0.0:${MANAGEMENT_PORT}` },
          ...{ certificate, privateKey, httpPort: 80, tlsPort: 443, ocspResponderURL: "" },
          // The names that versions of Pebble have for it.
          certificateValidityPeriod: validity,
          profiles: { default: { description: "for tests", validityPeriod: validity } },
        },
      }),
    );
    const log = fs.openSync(path.join(folder, "log"), "a");
    const words = ["-config", path.join(folder, "pebble.json"), "-dnsserver", `${NAME_SERVER}:53`];
    const child = await lab.spawn("client", [path.join(base, "usr/bin/pebble"), ...words], {
      stdio: ["ignore", log, log],
      cwd: folder,
      env: { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0", PEBBLE_AUTHZREUSE: "0" },
    });
    fs.closeSync(log);
    const it = new Pebble(child, folder);
    await within(20, "Pebble listens", async () => {
      if (child.exitCode !== null) throw new Error(it.log());
      const { code } = await lab.exec("operator", ["bash", "-c", `exec 3<>/dev/tcp/${ADDRESS}/${PORT}`]);
      return code === 0;
    });
    return it;
  }

  /** What it has said. */
  log(): string {
    return fs.readFileSync(path.join(this.folder, "log"), "utf8");
  }

  /** The root of what it issues, PEM. */
  async root(lab: Lab): Promise<string> {
    const { stdout } = await lab.exec(
      "client",
      ["curl", "-sSk", `https://${ADDRESS}:${MANAGEMENT_PORT}/roots/0`],
      { check: true },
    );
    return stdout;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGKILL");
      await ended;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
