/** `npm run pictures -- watch`: the watcher's page after a crash, as Chromium shows it. */
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { checkout } from "../../lab/state";
import { Farm, within } from "../lab/support";

const ADDRESS = "127.0.0.1:9762";

/** How a picture is taken. */
interface Shot {
  file: string;
  width: number;
  height: number;
  dark?: boolean;
}

/** In the lab's network, by the operator's Chromium. */
async function shoot({ lab }: Farm, { file, width, height, dark }: Shot): Promise<void> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "browser-"));
  try {
    await lab.exec(
      "operator",
      [
        ...[
          "chromium",
          "--headless=new",
          "--no-sandbox",
          "--no-first-run",
          "--disable-gpu",
          "--hide-scrollbars",
        ],
        ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        ...(dark ? ["--force-dark-mode"] : []),
        `--user-data-dir=${home}/profile`,
        ...[`--window-size=${width},${height}`, `--screenshot=${file}`, `http://${ADDRESS}/`],
      ],
      { check: true, timeoutMs: 60_000, env: { HOME: home } },
    );
  } finally {
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Writes watch-page.png into a folder; with LOOPBACK_HA_PICTURES also how it looks in the dark and on a telephone, into that one. */
export async function watchPagePicture(folder: string): Promise<void> {
  const farm = new Farm();
  try {
    await farm.build();
    const command = farm.project.cliCommand(["watch", "--listen", ADDRESS]);
    const watcher = await farm.lab.spawn("operator", command, { cwd: checkout, env: farm.project.env });
    let log = "";
    watcher.stdout!.on("data", (text) => (log += String(text)));
    watcher.stderr!.on("data", (text) => (log += String(text)));
    const logged = (word: string): Promise<void> =>
      within(90, `${word} in ${log}`, () => Promise.resolve(log.includes(word)));
    const shows = (word: string): Promise<void> =>
      within(90, word, async () => (await farm.sh("operator", `curl -s http://${ADDRESS}/`)).includes(word));
    await logged(" listening ");
    await shows("everything matches the config");
    await farm.lab.crash("web2");
    await logged(" flipped ");
    await shows(">2 of 4<");
    await shoot(farm, { file: path.join(folder, "watch-page.png"), width: 1280, height: 1130 });
    // A tenth of the size, for the same to see.
    await farm.sh("operator", `convert ${folder}/watch-page.png -colors 128 PNG8:${folder}/watch-page.png`);
    const more = process.env.LOOPBACK_HA_PICTURES;
    if (more) {
      await shoot(farm, { file: path.join(more, "dark.png"), width: 1280, height: 2200, dark: true });
      await shoot(farm, { file: path.join(more, "narrow.png"), width: 360, height: 3000 });
      fs.writeFileSync(path.join(more, "page.html"), await farm.sh("operator", `curl -s http://${ADDRESS}/`));
    }
    const ended = once(watcher, "exit");
    watcher.kill("SIGTERM");
    await ended;
    await farm.lab.start("web2");
    await farm.setState("web2", "active");
    await farm.up();
  } finally {
    await farm.destroy();
  }
}
