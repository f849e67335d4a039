/** `npm run bench -- failover`: what ten planned flips cost the clients of the VIPs that move, in several ways. */
import * as fs from "node:fs";
import { prepareServers } from "../../lab/client";
import { Lab } from "../../lab/lab";
import { summary } from "../../lab/load/record";
import { Project } from "../../lab/project";
import { DOWNLOADS, FILE_BYTES, Flips, PREFIX, Place, flipUnderLoad } from "../lab/flips";
import { DOCUMENT_ROOT, farmConfig } from "./farm";
import { only } from "./only";
import { report } from "./report";

const SITES = 8;

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
    await farm.project.drop(key);
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
    name: "a script: route del, route add",
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

const milliseconds = (value: number): string =>
  Number.isFinite(value) ? `${Math.round(value)} ms` : "never";

function row(name: string, { record, flips, spans }: Flips): string[] {
  const { requests, rate, failed, resets, downloads, longestGapMs } = summary(record);
  const kinds = Object.entries(failed).map(([kind, count]) => `${count} ${kind}`);
  const walls = flips.map(({ began, ended }) => ended - began).sort((a, b) => a - b);
  return [
    name,
    `${rate.median} (slowest second ${rate.min})`,
    String(requests),
    kinds.join(", ") || "0",
    String(resets),
    `${downloads.complete} of ${downloads.all}`,
    spans.length > 0 ? String(Math.min(...spans)) : "-",
    milliseconds(Math.max(...flips.map(({ namedAfterMs }) => namedAfterMs))),
    milliseconds(longestGapMs),
    `${(walls[Math.floor(walls.length / 2)] / 1000).toFixed(2)} s`,
  ];
}

/** Runs it and writes failover.md. */
export async function failover(): Promise<void> {
  const variants = only(VARIANTS);
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
  for (const variant of variants) {
    const restore = await variant.prepare?.(farm);
    const done = await flipUnderLoad(lab, targets, file, {
      announce: async (to) => variant.announce?.(farm, to),
      flip: (to) => variant.flip(farm, to),
    }).finally(restore);
    rows.push(row(variant.name, done));
    console.log(rows[rows.length - 1].join(" | "));
  }
  await project.destroy();
  if (variants.length < VARIANTS.length) return; // a trial; its rows were printed
  await report("failover.md", {
    title: "Ten planned flips under load",
    command: "npm run bench -- failover",
    text: `All load is on the ${SITES} VIPs of ${PREFIX}, which web2 and web1 serve in turn, from ten client addresses: new connections with one request each, and ${DOWNLOADS.count} downloads of ${FILE_BYTES / 1e6} MB at a reader's pace, ${DOWNLOADS.seconds} s each. A gap is a time without an answer on one VIP. The new server counts as named once no request that begins later is answered by another server or not at all; the time is counted from the first request that it answers.`,
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
