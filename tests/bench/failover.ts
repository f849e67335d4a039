/** `npm run bench -- failover`: what ten planned flips cost the clients of the VIPs that move, in several ways. */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { prepareServers, startLoad } from "../../examples/lab/client";
import { Lab } from "../../examples/lab/lab";
import {
  ConnectionKind,
  firstAnswerOf,
  LoadRecord,
  namedAfter,
  now,
  spanned,
  summary,
} from "../../examples/lab/load/record";
import { File, Target } from "../../examples/lab/load/spec";
import { Project } from "../../examples/lab/project";
import { DOCUMENT_ROOT, farmConfig } from "./farm";
import { report } from "./report";

const FLIPS = 10;
const SITES = 8;
const REQUESTS_PER_SECOND = 2200;
/** The last one ends before the last flip, and each is long enough for two flips on a busy host. */
const DOWNLOADS = { count: 20, seconds: 30, everyMs: 700 };
const FILE_BYTES = 30_000_000;
/** From one flip to the next, at least; after each, new requests are watched for a while. */
const [ROUND_MS, WATCH_MS] = [5000, 1500];

/** The subnet that moves, and between whom: web2 goes into maintenance and comes back. */
const PREFIX = "192.0.2.64/27";
const [AWAY, HOME] = [
  { server: "web1", hop: "192.0.2.2", state: "maintenance" },
  { server: "web2", hop: "192.0.2.3", state: "active" },
];
type Place = typeof HOME;

interface Farm {
  lab: Lab;
  project: Project;
}

/** One way to flip. */
interface Variant {
  name: string;
  /** Before the load: brings the farm into this variant, and tells how to bring it back. */
  prepare?(farm: Farm): Promise<() => Promise<void>>;
  /** Before each flip, not timed. */
  announce?(farm: Farm, to: Place): Promise<void>;
  flip(farm: Farm, to: Place): Promise<void>;
}

async function up({ project }: Farm): Promise<void> {
  await project.up({ check: true });
}

async function onRouter({ lab }: Farm, command: string): Promise<string> {
  const { stdout } = await lab.exec("operator", ["ssh", "root@192.0.2.1", command], { check: true });
  return stdout;
}

const byPulumi: Omit<Variant, "name"> = {
  announce: ({ project }, { state }) => project.set("servers.web2.state", state),
  flip: up,
};

async function withoutPins(farm: Farm): Promise<() => Promise<void>> {
  const key = "routers.r1.pinFlows";
  await farm.project.set(key, "false");
  await up(farm);
  return async () => {
    await farm.project.pulumi(["config", "rm", "--path", key, "--stack", farm.project.stack], { check: true });
    await up(farm);
  };
}

async function withFrr(farm: Farm): Promise<() => Promise<void>> {
  const kind = async (value: string): Promise<void> => {
    await farm.project.set("routers.r1.kind", value);
    await up(farm);
  };
  await onRouter(farm, "systemctl enable --now frr");
  await kind("frr");
  return async () => {
    await kind("linux");
    await onRouter(farm, "systemctl disable --now frr");
  };
}

const VARIANTS: Variant[] = [
  { name: "pulumi up, pinned flows", ...byPulumi },
  { name: "pulumi up, pinFlows: false", ...byPulumi, prepare: withoutPins },
  { name: "pulumi up, kind frr", ...byPulumi, prepare: withFrr },
  {
    name: "the article's script: route del, route add",
    async prepare(farm) {
      const restorePins = await withoutPins(farm);
      // Our supervisor would put the deleted route back.
      const pattern = "'loopback-ha.*.linux-routes.service'";
      const list = `systemctl list-units --plain --no-legend ${pattern} | cut -d ' ' -f 1`;
      const units = (await onRouter(farm, list)).trim().split("\n").join(" ");
      await onRouter(farm, `systemctl stop ${units}`);
      return async () => {
        await onRouter(farm, `systemctl start ${units}`);
        await restorePins();
      };
    },
    async flip(farm, { hop }) {
      // The protocol number is ours, so that Pulumi's next run finds what it left.
      await onRouter(farm, `ip route del ${PREFIX} proto 76; ip route add ${PREFIX} via ${hop} proto 76`);
    },
  },
];

interface Flip {
  to: Place;
  began: number;
  ended: number;
}

async function flips(
  farm: Farm,
  variant: Variant,
  targets: Target[],
  file: File,
): Promise<[LoadRecord, Flip[]]> {
  const load = await startLoad(farm.lab, {
    targets,
    requestsPerSecond: REQUESTS_PER_SECOND,
    downloads: { ...DOWNLOADS, file },
  });
  const done: Flip[] = [];
  let record: LoadRecord;
  try {
    for (let i = 0; i < FLIPS; i++) {
      const round = sleep(ROUND_MS);
      const to = i % 2 === 0 ? AWAY : HOME;
      await variant.announce?.(farm, to);
      const began = now();
      await variant.flip(farm, to);
      done.push({ to, began, ended: now() });
      await Promise.all([round, sleep(WATCH_MS)]);
    }
  } finally {
    record = await load.stop();
  }
  return [record, done];
}

const milliseconds = (value: number): string =>
  Number.isFinite(value) ? `${Math.round(value)} ms` : "never";

function row(name: string, record: LoadRecord, done: Flip[]): string[] {
  const { requests, rate, failed, resets, downloads, longestGapMs } = summary(record);
  const moved = done.map(({ to, began }, i) => {
    const before = done[i + 1]?.began ?? record.ended;
    const at = firstAnswerOf(record, to.server, { after: began, before })?.started ?? Infinity;
    return { at, named: namedAfter(record, to.server, { after: at, before }) };
  });
  const kinds = Object.entries(failed).map(([kind, count]) => `${count} ${kind}`);
  const times = moved.map(({ at }) => at);
  const spans = record.connections
    .filter(({ kind, end }) => kind === ConnectionKind.Download && end === "complete")
    .map((download) => spanned(download, times));
  const walls = done.map(({ began, ended }) => ended - began).sort((a, b) => a - b);
  return [
    name,
    `${rate.median} (slowest second ${rate.min})`,
    String(requests),
    kinds.join(", ") || "0",
    String(resets),
    `${downloads.complete} of ${downloads.all}`,
    spans.length > 0 ? String(Math.min(...spans)) : "-",
    milliseconds(Math.max(...moved.map(({ named }) => named))),
    milliseconds(longestGapMs),
    `${(walls[Math.floor(walls.length / 2)] / 1000).toFixed(2)} s`,
  ];
}

/** Runs it and writes failover.md. */
export async function failover(): Promise<void> {
  const lab = new Lab();
  await lab.up();
  const project = new Project(lab);
  fs.writeFileSync(project.file("Pulumi.lab.yaml"), farmConfig(SITES));
  await project.init();
  const farm = { lab, project };
  await up(farm);
  const file = await prepareServers(lab, DOCUMENT_ROOT, FILE_BYTES);
  const path = (await project.output("healthPath")) as string;
  const sites = (await project.output("sites")) as Record<string, string[]>;
  const targets = Object.entries(sites).map(([site, vips]) => ({
    vip: vips[1],
    serverName: `${site}.widgetco.example`,
    path,
  }));

  const rows: string[][] = [];
  for (const variant of VARIANTS.filter(({ name }) => name.includes(process.env.BENCH_ONLY ?? ""))) {
    const restore = await variant.prepare?.(farm);
    const [record, done] = await flips(farm, variant, targets, file).finally(restore);
    rows.push(row(variant.name, record, done));
    console.log(rows[rows.length - 1].join(" | "));
  }
  await project.destroy();
  report("failover.md", {
    title: "Ten planned flips under load",
    command: "npm run bench -- failover",
    text: `All load is on the ${SITES} VIPs of ${PREFIX}, which web2 and web1 serve in turn, from ten client addresses: new connections with one request each, and ${DOWNLOADS.count} downloads of ${FILE_BYTES / 1e6} MB at a reader's pace, ${DOWNLOADS.seconds} s each. A gap is a time without an answer on one VIP. The new server is named from the moment on that no request is begun any more that another one, or none, answers; counted from the first one that it answers.`,
    head: [
      "flips by",
      "new connections/s",
      "requests",
      "failed",
      "resets",
      "downloads complete",
      "fewest flips in one of them",
      "new server named within",
      "longest gap",
      "median time of a flip",
    ],
    rows,
  });
}
