/** The page for people: what serves what now, what answers, what moved last and why. Pure; no script, nothing to load. */
import { firstFew, listedOrCounted } from "../../components/base/firstFew";
import { ServerState } from "../../components/config";
import { Verdict } from "../../components/routerRoute/verdict";
import { daysUntil } from "../../components/webServerPool/tls/plan";
import { renderSvg } from "../diagram/svg";
import { FarmStatus, MachineStatus, isMovedByGuard } from "../status/model";
import { Html, Part, markup } from "./html";
import { Move } from "./moves";
import { Health, Picture, WatchedServer, lastRoundOf, troublesOf } from "./picture";
import { STYLE } from "./style";

/** The page is loaded again after so many seconds. */
const AGAIN_SECONDS = 5;
const MOST_TROUBLES = 20;
const MOST_NAMES = 3;
const MOST_PREFIXES = 64;
const MOST_SITES = 50;
const MOST_CERTIFICATES = 20;
const MOST_ZONES = 50;

/** @returns a whole document */
export function renderPage(picture: Picture): string {
  const { stack, status } = picture;
  const troubles = troublesOf(picture);
  const verdict = verdictOf(picture, troubles);
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="refresh" content="${AGAIN_SECONDS}" />
        <title>${stack}: ${verdict.text}</title>
        <style>${new Html(STYLE)}</style>
      </head>
      <body>
        <header>
          <div class="head">
            <h1>${stack}</h1>
            ${badge(verdict.text, verdict.tone)}
          </div>
          <p class="faint">${asOf(picture)}</p>
        </header>
        <main>
          ${troubleBox(troubles)} ${serverTable(picture)}
          ${status === undefined ? markup`<p class="faint">The machines are being looked at for the first time.</p>${moveTable(picture)}` : lookedAt(picture, status)}
        </main>
        <footer>
          loopback-ha ${picture.version}, watching since
          ${time(picture.started)}${picture.dryRun ? ", dry run: it changes nothing" : ""}. For Prometheus:
          <a href="/metrics">/metrics</a>. The page is loaded again every ${AGAIN_SECONDS} s.
        </footer>
      </body>
    </html> `.text;
}

type Tone = "good" | "rest" | "bad" | "none";

const badge = (text: string, tone: Tone): Html => markup`<span class="badge ${tone}">${text}</span>`;
const time = (at: number): string => `${new Date(at).toISOString().replace("T", " ").slice(0, 19)} UTC`;

/** `12 s`, `3 min`, `2 h`, `5 days`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function verdictOf(picture: Picture, troubles: string[]): { text: string; tone: Tone } {
  if (troubles.length > 0)
    return { text: troubles.length === 1 ? "1 problem" : `${troubles.length} problems`, tone: "bad" };
  if (picture.status === undefined) return { text: "being looked at", tone: "none" };
  const out = picture.servers.filter(({ state }) => state !== ServerState.Active);
  if (out.length === 0) return { text: "everything matches the config", tone: "good" };
  const names = listedOrCounted(
    out.map(({ name }) => name),
    MOST_NAMES,
    "servers",
  );
  return { text: `matches the config; out of service: ${names}`, tone: "rest" };
}

function asOf(picture: Picture): string {
  const { now, status } = picture;
  const last = lastRoundOf(picture);
  const rounds =
    last === null
      ? "no health check has arrived yet"
      : `health checks as of ${time(last)}, ${ago(now - last)} ago`;
  const looked = status ? Date.parse(status.at) : undefined;
  const look = looked === undefined ? "" : `; the machines as of ${time(looked)}, ${ago(now - looked)} ago`;
  return `${rounds}${look}`;
}

function troubleBox(troubles: string[]): Part {
  if (troubles.length === 0) return "";
  const shown = firstFew(
    troubles,
    MOST_TROUBLES,
    (more) => `and ${more} more: loopback-ha status shows them`,
  );
  return markup`<div class="box bad">
    <ul>
      ${shown.map((text) => markup`<li>${text}</li>`)}
    </ul>
  </div>`;
}

/** A table; on a narrow screen each row is a card, with the column's name at each cell. */
function table(heading: string, columns: string[], rows: Part[][], more = 0): Html {
  const cells = (row: Part[]): Html[] =>
    row.map((cell, i) =>
      cell === "" ? markup`<td></td>` : markup`<td data-label="${columns[i]}"><div>${cell}</div></td>`,
    );
  return markup`<section>
    <h2>${heading}</h2>
    <table>
      <thead>
        <tr>
          ${columns.map((column) => markup`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            markup`<tr>
              ${cells(row)}
            </tr> `,
        )}
      </tbody>
    </table>
    ${more > 0 ? markup`<p class="faint">and ${more} more: loopback-ha status --json has all of them</p>` : ""}
  </section>`;
}

const STATES: Record<ServerState, Tone> = {
  [ServerState.Active]: "good",
  [ServerState.Maintenance]: "rest",
  [ServerState.Down]: "bad",
};

const HEALTHS: Record<Health, [string, Tone]> = {
  [Verdict.Well]: ["answers", "good"],
  [Verdict.Stumbles]: ["missed a check", "rest"],
  [Verdict.Sick]: ["sick", "bad"],
  [Verdict.Dead]: ["dead", "bad"],
  unknown: ["not known", "none"],
};

function serverTable({ servers, routers, status }: Picture): Html {
  const anyHeld = (name: string): boolean =>
    routers.some(({ held }) => held.some(({ server }) => server === name));
  const rows = servers.map((server): Part[] => {
    const seen = status?.servers.find(({ name }) => name === server.name);
    const all = status ? new Set(status.prefixes.map(({ prefix }) => prefix)).size : 0;
    return [
      markup`<strong>${server.name}</strong>${seen ? markup` <span class="faint">${seen.address}</span>` : ""}`,
      [
        badge(server.state, STATES[server.state]),
        anyHeld(server.name) ? [" ", badge("held by the guard", "bad")] : "",
      ],
      healthCell(server),
      seen?.carries === null || seen === undefined ? "" : `${seen.carries} of ${all}`,
      seen?.flows === null || seen === undefined ? "" : seen.flows.toLocaleString("en"),
    ];
  });
  return table("Servers", ["server", "state", "health checks", "VIP subnets", "connections"], rows);
}

function healthCell({ health, ms, reason, state }: WatchedServer): Part {
  // One that is out of service on purpose is no alarm.
  const [word, tone] = HEALTHS[health];
  const shown = state === ServerState.Active || tone === "good" ? tone : "none";
  const detail =
    reason !== "" ? reason : ms === null ? "" : ms < 1 ? "under 1 ms" : `slowest answer ${ms} ms`;
  return [badge(word, shown), detail === "" ? "" : markup` <span class="faint">${detail}</span>`];
}

function lookedAt(picture: Picture, status: FarmStatus): Part {
  return [
    markup`<section>
      <h2>Who serves what</h2>
      <div class="picture" tabindex="0" role="region" aria-label="diagram">
        ${new Html(renderSvg(status))}
      </div>
    </section>`,
    moveTable(picture),
    prefixTable(status),
    siteTable(status),
    certificateTable(picture, status),
    zoneTable(status),
    machineTable(status),
  ];
}

function prefixTable({ prefixes, routers }: FarmStatus): Part {
  const several = routers.length > 1;
  const rows = prefixes.slice(0, MOST_PREFIXES).map((unit): Part[] => {
    const { router, prefix, known, live, wanted, home, flows } = unit;
    const word = live ?? "no server";
    const served: Part = !known
      ? badge("not known", "none")
      : live === wanted
        ? word
        : isMovedByGuard(routers, unit)
          ? badge(`${word} (guard)`, "rest")
          : badge(word, "bad");
    const open = Object.entries(flows ?? {}).map(
      ([server, count]) => `${server} ${count.toLocaleString("en")}`,
    );
    return [
      several ? `${prefix} on ${router}` : prefix,
      served,
      wanted,
      home === wanted ? "" : home,
      flows === null ? "not known" : open.join(", ") || "none",
    ];
  });
  const columns = ["VIP subnet", "served by", "wanted", "home", "connections"];
  return table("VIP subnets", columns, rows, prefixes.length - MOST_PREFIXES);
}

function siteTable({ sites }: FarmStatus): Part {
  const failing = sites.filter(({ failures, worse }) => failures.length + worse.length > 0);
  if (failing.length === 0)
    return markup`<section>
      <h2>Sites</h2>
      <p>
        ${sites.length === 1 ? "1 site" : `${sites.length.toLocaleString("en")} sites`}, none of them fails.
      </p>
    </section>`;
  const rows = failing
    .slice(0, MOST_SITES)
    .map(({ name, serverName, ok, asked, failures, worse }): Part[] => [
      name,
      serverName,
      badge(asked === 0 ? "not asked" : `${ok} of ${asked}`, ok < asked ? "bad" : "rest"),
      [
        ...failures
          .slice(0, 3)
          .map(({ vip, server, reason }) => markup`<div>${vip} (${server}): ${reason}</div>`),
        ...worse
          .slice(0, 3)
          .map(
            ({ server, answer, elsewhere }) =>
              markup`<div>${answer} on ${server}, ${elsewhere} elsewhere</div>`,
          ),
      ],
    ]);
  return table(
    "Sites that fail",
    ["site", "name", "VIPs that answer", "what is wrong"],
    rows,
    failing.length - MOST_SITES,
  );
}

function certificateTable({ now }: Picture, { certificates }: FarmStatus): Part {
  if (certificates.length === 0) return "";
  const rows = certificates.slice(0, MOST_CERTIFICATES).map(({ site, expires }): Part[] => {
    const days = daysUntil(expires, new Date(now));
    const tone = days < 7 ? "bad" : days <= 21 ? "rest" : "good";
    return [site, expires, badge(days < 0 ? "expired" : days === 1 ? "1 day" : `${days} days`, tone)];
  });
  const columns = ["site", "expires on", "left"];
  return table("Certificates that expire first", columns, rows, certificates.length - MOST_CERTIFICATES);
}

function zoneTable({ zones }: FarmStatus): Part {
  if (zones.length === 0) return "";
  const rows = zones
    .slice(0, MOST_ZONES)
    .map(({ zone, nameServer, serial, failure }): Part[] => [
      zone,
      nameServer,
      serial === null ? badge(failure ?? "no answer", "bad") : serial,
    ]);
  return table("Zones", ["zone", "name server", "serial"], rows, zones.length - MOST_ZONES);
}

/** Of what differs, only how much: in the lines there may be what this page must not show, such as the health path. */
function machineTable({ routers, servers, nameServers }: FarmStatus): Part {
  const down = new Set(servers.filter(({ state }) => state === ServerState.Down).map(({ name }) => name));
  const row = (machine: MachineStatus, role: string): Part[] => [
    markup`<strong>${machine.name}</strong> <span class="faint">${machine.address}</span>`,
    role,
    down.has(machine.name)
      ? badge("not tried", "none")
      : machine.failure === null
        ? badge("reached", "good")
        : badge("not reached", "bad"),
    machine.drift.length > 0
      ? badge("drifted", "bad")
      : machine.failure === null && !down.has(machine.name)
        ? "as applied"
        : "",
  ];
  const rows = [
    ...routers.map((router) => row(router, `router, ${router.kind}`)),
    ...servers.map((server) => row(server, "web server")),
    ...nameServers.map((server) => row(server, "name server")),
  ];
  return table("Machines", ["machine", "role", "ssh", "drift"], rows);
}

const WHO: Record<Move["by"], string> = { watch: "watch", guard: "guard", operator: "operator" };

function moveTable({ moves, now }: Picture): Part {
  if (moves.length === 0)
    return markup`<section>
      <h2>Last moves</h2>
      <p>None since the watcher was started.</p>
    </section>`;
  const rows = moves.map(({ at, by, servers, text, failed }): Part[] => [
    markup`${time(at)} <span class="faint">${ago(now - at)} ago</span>`,
    WHO[by],
    servers,
    [failed ? [badge("failed", "bad"), " "] : "", text],
  ]);
  return table("Last moves", ["when", "who", "servers", "what and why"], rows);
}
