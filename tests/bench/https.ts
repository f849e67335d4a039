/** `npm run bench -- https`: what 1,000 sites cost by https, beside 1,000 by http. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Lab } from "../../lab/lab";
import { Project } from "../../lab/project";
import { defaultLabId, secondLabId } from "../../lab/state";
import { issue, makeAuthorities, writePair } from "../certificates";
import { timeUp, timed } from "../lab/wallTimes";
import { wideFarmConfig } from "./farm";
import { peakMemory, stateSize, timePreview } from "./programs";
import { report } from "./report";
import { Times, inTurn, spread } from "./times";

const ROUNDS = 5;
const SITES = 1000;
/** The site that is changed, and renewed. */
const SITE = "s500";

interface Farm {
  lab: Lab;
  project: Project;
}

/** Two farms, each in a lab of its own: what differs from minute to minute meets both. */
interface Pair {
  http: Farm;
  https: Farm;
}

const begin = async (labId: string, folder?: string): Promise<Farm> => {
  const lab = new Lab(labId);
  await lab.up();
  const project = new Project(lab);
  fs.writeFileSync(project.file("Pulumi.lab.yaml"), wideFarmConfig(SITES));
  await project.init();
  if (folder) await project.set("tls.folder", folder);
  return { lab, project };
};

const empty = (project: Project): Promise<unknown> =>
  project.pulumi(["destroy", "--yes", "--skip-preview", "--stack", project.stack], { check: true });

async function onWeb1({ lab }: Farm, command: string): Promise<string> {
  const { stdout } = await lab.exec("web1", ["bash", "-c", command], { check: true });
  return stdout.trim();
}

/** What Apache's processes take together, in MiB: what they share is counted once. */
const apacheMemory = async (farm: Farm): Promise<number> => {
  const pss =
    "cat $(printf '/proc/%s/smaps_rollup ' $(pgrep -x apache2)) | awk '/^Pss:/ { kib += $2 } END { print kib }'";
  return Number(await onWeb1(farm, pss)) / 1024;
};

/** Until it takes connections again. */
const restart = (farm: Farm): Promise<number> =>
  timed(() =>
    onWeb1(
      farm,
      "systemctl restart apache2 && until curl -so /dev/null http://127.0.0.1/; do sleep 0.02; done",
    ),
  );

async function measure({ http, https }: Pair, renew: () => void): Promise<void> {
  const farms = [http, https];
  const firstUp = await inTurn(3, farms, async ({ project }, round) => {
    if (round > 0) await empty(project);
    return timeUp(project);
  });
  const noChange = await inTurn(ROUNDS, farms, ({ project }) => timeUp(project));
  const preview = await inTurn(ROUNDS, farms, ({ project }) => timePreview(project));
  const change = async ({ project }: Farm, round: number): Promise<number> => {
    await project.set(`sites.${SITE}.documentRoot`, `/srv/www/bench${round % 2}`);
    return timeUp(project);
  };
  const [changed, changedHttps, renewed] = await inTurn(
    ROUNDS,
    [
      (round: number) => change(http, round),
      (round: number) => change(https, round),
      (): Promise<number> => {
        renew();
        return timeUp(https.project);
      },
    ],
    (work, round) => work(round),
  );
  const flip = await inTurn(ROUNDS, farms, async ({ project }, round) => {
    await project.set("servers.web2.state", round % 2 === 0 ? "maintenance" : "active");
    return timeUp(project);
  });
  const apache = await Promise.all(farms.map(apacheMemory));
  const restarts = await inTurn(ROUNDS, farms, restart);
  const program = [await peakMemory(http.project), await peakMemory(https.project)];
  const state = farms.map(({ project }) => stateSize(project));
  const row = (what: string, [a, b]: Times[], target = ""): string[] => [
    what,
    spread(a),
    spread(b),
    `${(b.median / a.median).toFixed(2)} x`,
    target,
  ];
  const figures = (what: string, [a, b]: number[], digits = 0): string[] => [
    what,
    `${a.toFixed(digits)} MiB`,
    `${b.toFixed(digits)} MiB`,
    `${(b / a).toFixed(2)} x`,
    "",
  ];
  await report("https.md", {
    title: "https",
    command: "npm run bench -- https",
    text: `1,000 sites with four VIPs each, on four servers, by http and by https, each in its own lab, taking turns: median (minimum to maximum) of ${ROUNDS} runs (a first up: of 3). Each site has its own certificate (P-256). Wall time of \`pulumi\`; ups with \`--skip-preview\`.`,
    head: ["what", "http", "https", "https over http", "target"],
    rows: [
      row("first up", firstUp, "at most 1.5 x"),
      row("up without a change", noChange, "at most 1.1 x"),
      row("preview without a change", preview, "at most 1.1 x"),
      row("one site's change", [changed, changedHttps]),
      [
        "one renewal, over one site's change by https",
        "",
        spread(renewed),
        `${(renewed.median / changedHttps.median).toFixed(2)} x`,
        "at most 1.25 x",
      ],
      row("planned flip", flip, "at most 1.1 x"),
      row("restart of Apache", restarts),
      figures("memory of Apache", apache),
      figures("peak memory of the program", program),
      figures("state file", state, 2),
    ],
  });
}

/** Runs it and writes https.md. */
export async function https(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "bench-https-"));
  const { intermediate } = makeAuthorities();
  const renew = (site = SITE): void =>
    writePair(path.join(folder, site), issue(intermediate, [`${site}.widgetco.example`]));
  for (let i = 0; i < SITES; i++) renew(`s${i}`);
  const pair = { http: await begin(defaultLabId()), https: await begin(secondLabId(), folder) };
  try {
    await measure(pair, renew);
  } finally {
    for (const { project } of Object.values(pair)) {
      await project.destroy();
      project.remove();
    }
    await pair.https.lab.down();
    fs.rmSync(folder, { recursive: true });
  }
}
