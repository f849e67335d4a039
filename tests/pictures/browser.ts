/**
 * `npm run pictures -- browser`: a real Chromium opens a site by https on each of its VIPs, trusting the root of the CA that
 * issued its certificate and no other; and a picture of it.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ExecOptions, Lab } from "../../lab/lab";
import { Farm, SERVERS, textOf } from "../lab/support";
import { Pebble } from "../lab/pebble";

const SITE = "www.widgetco.example";
const DISPLAY = ":98";
const [WIDTH, HEIGHT] = [900, 280];
/** Where Chromium has what tells about the connection, beside the address. */
const [ICON_X, ICON_Y] = ["138", "63"];

/** The client's Chromium, with a home of its own. */
class Browser {
  private readonly home = fs.mkdtempSync(path.join(os.tmpdir(), "browser-"));

  constructor(private readonly lab: Lab) {}

  private async run(argv: string[], options: ExecOptions = {}): Promise<string> {
    const env = { HOME: this.home, DISPLAY };
    const { stdout } = await this.lab.exec("client", argv, {
      check: true,
      timeoutMs: 60_000,
      ...options,
      env,
    });
    return stdout;
  }

  private words(vip: string): string[] {
    return [
      ...["--no-sandbox", "--no-first-run", "--disable-gpu", `--user-data-dir=${this.home}/profile`],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync", "--test-type"],
      `--host-resolver-rules=MAP ${SITE} ${vip}`,
    ];
  }

  /** Trusts what this root issued. */
  async trust(root: string): Promise<void> {
    const store = path.join(this.home, ".pki/nssdb");
    const file = path.join(this.home, "root.pem");
    fs.mkdirSync(store, { recursive: true });
    fs.writeFileSync(file, root);
    await this.run(["certutil", "-d", `sql:${store}`, "-N", "--empty-password"]);
    await this.run(["certutil", "-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "root", "-i", file]);
  }

  /** The page at `url` on a VIP, as Chromium has read it. */
  page(vip: string, url: string): Promise<string> {
    return this.run(["chromium", "--headless=new", ...this.words(vip), "--dump-dom", url]);
  }

  /** A picture of its window with the page at `url`, and of what it tells about the connection. */
  async picture(vip: string, url: string, file: string): Promise<void> {
    const screen = await this.lab.spawn("client", ["Xvfb", DISPLAY, "-screen", "0", `${WIDTH}x${HEIGHT}x24`]);
    await sleep(1000);
    const size = [`--window-size=${WIDTH},${HEIGHT}`, "--window-position=0,0"];
    const window = await this.lab.spawn("client", ["chromium", ...this.words(vip), ...size, url], {
      env: { HOME: this.home, DISPLAY },
    });
    try {
      await sleep(8000);
      await this.run(["xdotool", "mousemove", ICON_X, ICON_Y, "click", "1"]);
      await sleep(2000);
      await this.run(["import", "-window", "root", file]);
    } finally {
      window.kill();
      screen.kill();
    }
  }

  remove(): void {
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Writes browser.png into a folder. */
export async function browserPicture(folder: string): Promise<void> {
  const farm = new Farm();
  const browser = new Browser(farm.lab);
  let pebble: Pebble | undefined;
  try {
    await farm.build();
    pebble = await Pebble.start(farm.lab);
    const certs = await farm.project.cli(["certs", "--yes"], { env: pebble.env });
    if (certs.code !== 0) throw new Error(textOf(certs));
    for (const server of SERVERS) {
      const page = `<title>Widgetco</title><h1>Widgetco</h1><p>This is ${server}.</p>`;
      await farm.sh(server, `install -d /srv/www/widgetco && echo '${page}' >/srv/www/widgetco/index.html`);
    }
    const url = `https://${SITE}/`;
    const [vip] = farm.vips;
    const untrusted = await browser.page(vip, url);
    if (untrusted.includes("This is")) throw new Error(`read without trust:\n${untrusted}`);
    await browser.trust(await pebble.root(farm.lab));
    for (const [i, each] of farm.vips.entries()) {
      const page = await browser.page(each, url);
      if (!page.includes(`This is ${SERVERS[i]}.`)) throw new Error(`${each}:\n${page}`);
      console.log(`${each}: a page of ${SERVERS[i]} by https`);
    }
    await browser.picture(vip, url, path.join(folder, "browser.png"));
  } finally {
    browser.remove();
    await pebble?.stop();
    await farm.destroy();
  }
}
