/** Whether the machines hold what the model says, after the recovery. */
import * as fs from "node:fs";
import { nameServer } from "../../lab/machines";
import { ExecResult, Lab } from "../../lab/lab";
import { Program } from "../../lab/project";
import { runScript, serverNameOf } from "./actions";
import { Config, PREFIXES, Prefix, SERVERS, Server, issues } from "./model";
import { Machine, SITES, addressOf } from "./sequence";

export const MACHINES: readonly Machine[] = ["r1", ...SERVERS, "ns1"];
const ROLES: Record<string, string> = { r1: "router", ns1: "dns" };

/** The sites that always are there. */
const ALWAYS = [
  { name: "widgetco", hostNumber: 5, serverName: "www.widgetco.example" },
  { name: "gadgets", hostNumber: 6, serverName: "www.gadgets.example" },
];
const comingAndGoing = Object.entries(SITES).map(([name, hostNumber]) => ({
  name,
  hostNumber,
  serverName: serverNameOf(name),
}));

const vipsOf = (hostNumber: number): string[] =>
  PREFIXES.map((_, i) => `192.0.2.${32 * (i + 1) + hostNumber}`);

/** Another admin's things come to all machines. */
export async function addForeign(lab: Lab): Promise<void> {
  await Promise.all(
    MACHINES.map(async (name) => {
      const text = fs.readFileSync(`${__dirname}/foreign.sh`, "utf8");
      await lab.exec(
        name,
        ["bash", "-ec", "cat >/root/foreign.sh; bash /root/foreign.sh $0", ROLES[name] ?? "web"],
        {
          input: text,
          check: true,
        },
      );
    }),
  );
}

/** Everything on each machine, as picture.sh has it. */
export type Pictures = Map<string, string[]>;

export async function pictures(lab: Lab): Promise<Pictures> {
  const all = await Promise.all(MACHINES.map((name) => runScript(lab, name, "picture.sh")));
  return new Map(MACHINES.map((name, i) => [name, all[i].stdout.trim().split("\n")]));
}

/** Lines of ours: VIPs and their prefixes, what has our protocol number or name, and what lies below the document roots. */
const OURS = /proto 76|loopback-ha|sysctl: arp|192\.0\.2\.(3[2-9]|[4-9]\d|1[0-5]\d)\b|\/srv\/www\//;

/** What differs between two pictures. */
export function differences(before: Pictures, now: Pictures, chosen: (line: string) => boolean): string[] {
  return MACHINES.flatMap((name) => {
    const [old, present] = [before, now].map((all) => all.get(name)!.filter(chosen));
    return [
      ...old.filter((line) => !present.includes(line)).map((line) => `${name}: - ${line}`),
      ...present.filter((line) => !old.includes(line)).map((line) => `${name}: + ${line}`),
    ];
  });
}

export const isForeign = (line: string): boolean => !OURS.test(line);

/** What inspect.sh says of a machine, by kind. */
type Inspection = Record<string, string[]>;

async function inspect(lab: Lab, name: string): Promise<Inspection> {
  const { stdout } = await runScript(lab, name, "inspect.sh");
  const found: Inspection = {};
  for (const line of stdout.trim().split("\n").filter(Boolean)) {
    const tab = line.indexOf("\t");
    (found[line.slice(0, tab)] ??= []).push(line.slice(tab + 1));
  }
  return found;
}

/** What is to be compared with. */
export interface Known {
  healthPath: string;
  pictures: Pictures;
  /** The highest serial seen so far of each zone. */
  serials: Map<string, number>;
  /** What the router's guard holds. */
  held: Server[];
}

/** Everything in which the machines and the state differ from what the config and the model say. */
export async function compare(lab: Lab, program: Program, config: Config, known: Known): Promise<string[]> {
  const [inspections, now] = await Promise.all([
    Promise.all(MACHINES.map((name) => inspect(lab, name))),
    pictures(lab),
  ]);
  const of = (name: Machine): Inspection => inspections[MACHINES.indexOf(name)];
  const problems = differences(known.pictures, now, isForeign).map((line) => `foreign: ${line}`);
  const looked = MACHINES.filter((name) => config.states[name as Server] !== "down");
  for (const name of looked) {
    for (const kind of ["leftover", "drift"])
      problems.push(...(of(name)[kind] ?? []).map((line) => `${name}: ${kind}: ${line}`));
    problems.push(...unlike(`${name}: instances`, of(name).instance, instancesOf(name)));
  }
  for (const name of looked.filter((it) => (SERVERS as readonly string[]).includes(it)))
    problems.push(...unlike(`${name}: addresses on lo`, of(name).address, addressesOf(config)));

  const { serving, problems: wrong } = routing(config, of("r1").route ?? [], known.held);
  problems.push(...wrong);
  const [answers, names] = await Promise.all([
    answersOf(lab, config, known.healthPath, serving),
    namesOf(lab, config),
  ]);
  problems.push(...answers, ...names, ...serials(of("ns1").serial ?? [], known), ...pending(program));
  return problems;
}

const instancesOf = (name: Machine): string[] => {
  if (name === "r1") return ["loopback-ha.lab.r1.linux-routes"];
  if (name === "ns1")
    return ["gadgets.example", "widgetco.example"].map((zone) => `loopback-ha.lab.${zone}.zone`);
  return ["vhosts", "vips"].map((role) => `loopback-ha.lab.web-${name}.${role}`);
};

const addressesOf = ({ sites }: Config): string[] => [
  "127.0.0.1/8",
  "203.0.113.77/32",
  ...[...ALWAYS, ...comingAndGoing.filter(({ name }) => sites[name])].flatMap(({ hostNumber }) =>
    vipsOf(hostNumber).map((vip) => `${vip}/32`),
  ),
];

function unlike(what: string, found: string[] = [], wanted: string[]): string[] {
  const [is, should] = [found, wanted].map((list) => [...list].sort().join(" "));
  return is === should ? [] : [`${what}: ${is}; should be ${should}`];
}

/** The router's routes: exactly one for each prefix, to a server that may serve it. */
function routing(
  config: Config,
  routes: string[],
  held: Server[],
): { serving: Partial<Record<Prefix, string>>; problems: string[] } {
  const serving = Object.fromEntries(
    routes.map((line) => {
      const [prefix, hop] = line.split(" ");
      return [prefix, SERVERS.find((server) => addressOf(server) === hop) ?? hop];
    }),
  );
  const problems = issues(config, serving, held).map((line) => `r1: ${line}`);
  if (routes.length !== PREFIXES.length) problems.push(`r1: routes: ${routes.join(", ")}`);
  return { serving, problems };
}

/** Who answers on each VIP of each site, and for which site; nobody does for one that is gone. */
async function answersOf(
  lab: Lab,
  { sites }: Config,
  healthPath: string,
  serving: Partial<Record<Prefix, string>>,
): Promise<string[]> {
  const questions = [...ALWAYS, ...comingAndGoing].flatMap(({ name, hostNumber, serverName }) =>
    vipsOf(hostNumber).map((vip, i) => ({
      vip,
      serverName,
      expected: name in sites || !(name in SITES) ? `${serving[PREFIXES[i]]} ${name}` : "",
    })),
  );
  // Together: a kernel answers for addresses that nobody has only once a second.
  const script = `i=0; while read -r vip name patience; do
      { answer=$(curl -s -f --max-time "$patience" -H "Host: $name" "http://$vip${healthPath}") || answer=
        printf '%s\\t%s\\n' "$i" "$answer"; } &
      i=$((i + 1))
    done; wait`;
  const { stdout } = await lab.exec("client", ["bash", "-c", `{ ${script}; } | sort -n | cut -f 2`], {
    input: questions
      .map(({ vip, serverName, expected }) => `${vip} ${serverName} ${expected ? 3 : 1}\n`)
      .join(""),
  });
  const answers = stdout.split("\n");
  return questions.flatMap(({ vip, serverName, expected }, i) =>
    answers[i] === expected
      ? []
      : [`${serverName} on ${vip}: '${answers[i]}' answers; should be '${expected}'`],
  );
}

async function namesOf(lab: Lab, { sites }: Config): Promise<string[]> {
  const questions = [...ALWAYS, ...comingAndGoing].map(({ name, hostNumber, serverName }) => ({
    serverName,
    expected: sites[name] === "here" || !(name in SITES) ? vipsOf(hostNumber) : [],
  }));
  const script = `for name; do dig +short +time=2 @${nameServer} "$name" A | sort | tr '\\n' ' '; echo; done`;
  const { stdout } = await lab.exec("client", [
    ...["bash", "-c", script, "dig"],
    ...[...questions.map(({ serverName }) => serverName), "ns1.foreign.example"],
  ]);
  const answers = stdout.split("\n").map((line) => line.split(" ").filter(Boolean));
  return [
    ...questions.flatMap(({ serverName, expected }, i) => unlike(`DNS: ${serverName}`, answers[i], expected)),
    ...unlike("DNS: another admin's name", answers[questions.length], ["203.0.113.10"]),
  ];
}

/** A zone's serial never goes back: whoever has the zone already would not take the new one. */
function serials(lines: string[], { serials: seen }: Known): string[] {
  return lines.flatMap((line) => {
    const [zone, serial] = line.split(" ");
    const before = seen.get(zone) ?? 0;
    if (!(Number(serial) >= before))
      return [`ns1: zone ${zone} has serial ${serial || "none"}, after ${before}`];
    seen.set(zone, Number(serial));
    return [];
  });
}

/** What a machine that has just booted lacks. Its services bring VIPs and routes back, without anybody's help. */
export async function lacksAfterBoot(lab: Lab, name: Machine): Promise<string[]> {
  const { drift = [], route = [] } = await inspect(lab, name);
  if (name === "r1") return route.length === PREFIXES.length ? [] : [`r1: routes: ${route.join(", ")}`];
  return drift.filter((line) => line.includes(".vips: ")).map((line) => `${name}: ${line}`);
}

/** What runs that did not get to their end left in our folders on a machine. */
export async function leftOvers(lab: Lab, name: Machine): Promise<string[]> {
  const { leftover = [] } = await inspect(lab, name);
  return leftover.filter((line) => line.startsWith("/var/lib/loopback-ha/"));
}

/** Operations that the engine still takes for begun. */
function pending(program: Program): string[] {
  const state = JSON.parse(
    fs.readFileSync(program.file(`state/.pulumi/stacks/loopback-ha/${program.stack}.json`), "utf8"),
  ) as { checkpoint: { latest?: { pending_operations?: { resource: { urn: string } }[] } } };
  return (state.checkpoint.latest?.pending_operations ?? []).map(
    ({ resource }) => `the state has a pending operation: ${resource.urn}`,
  );
}

/** What a preview has to say of a farm with which all is well. */
export async function previewProblems(program: Program): Promise<string[]> {
  const { code, stdout, stderr }: ExecResult = await program.pulumi([
    ...["preview", "--expect-no-changes", "--stack", program.stack],
  ]);
  const said = stdout + stderr;
  return code === 0 && !/ differs from |warning/.test(said) ? [] : [`pulumi preview: ${said}`];
}
