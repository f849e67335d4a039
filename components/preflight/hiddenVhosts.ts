import { firstFew } from "../base/firstFew";
import { FarmModel, boundAliases } from "../config";
import { Observation, linesOf } from "../host/observe";

/** A site's name that a virtual host not managed by this stack also serves, on a server where this stack's one hides it on the VIPs. */
export interface HiddenVhost {
  site: string;
  /** The name as the other virtual host has it, if the site's own is a wildcard. */
  name: string;
  /** Where it is defined, FILE:LINE, by server. */
  places: Record<string, string>;
}

/** One a site; what servers tell of names is foreign text. */
export function hiddenVhosts(farm: FarmModel, stack: string, found: Map<string, Observation>): HiddenVhost[] {
  const exact = new Map<string, Map<string, string>>();
  const wild = new Map<string, Map<string, string>>();
  for (const { name: server } of farm.servers) {
    const seen = found.get(server);
    for (const line of seen === undefined ? [] : linesOf(seen, stack, "foreign")) {
      const [name, place = ""] = line.split("\t");
      const known = /[*?]/.test(name) ? wild : exact;
      known.set(name, (known.get(name) ?? new Map<string, string>()).set(server, place));
    }
  }
  if (exact.size + wild.size === 0) return [];
  return farm.sites.flatMap((site) => {
    for (const name of [site.serverName, ...boundAliases(site)]) {
      if (name.startsWith("*")) {
        const met = [...exact, ...wild].find(([pattern]) => meets(name.slice(1), pattern));
        if (met) return [{ site: site.name, name: met[0], places: Object.fromEntries(met[1]) }];
        continue;
      }
      const places = exact.get(name) ?? [...wild].find(([pattern]) => globs(pattern, name))?.[1];
      if (places) return [{ site: site.name, name, places: Object.fromEntries(places) }];
    }
    return [];
  });
}

/** As ServerAlias has it. Not by a regular expression, which could be written to take forever. */
function globs(pattern: string, name: string): boolean {
  let [p, n, star, mark] = [0, 0, -1, 0];
  while (n < name.length) {
    if (pattern[p] === "*") {
      star = p++;
      mark = n;
    } else if (pattern[p] === "?" || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}

/** Whether one of all names with that ending is one that the pattern takes. */
function meets(ending: string, pattern: string): boolean {
  const tail = pattern.slice(pattern.lastIndexOf("*") + 1);
  if (tail === pattern && pattern.length < ending.length) return false;
  const length = Math.min(tail.length, ending.length);
  return [...Array(length).keys()].every(
    (i) => tail.at(-1 - i) === "?" || tail.at(-1 - i) === ending.at(-1 - i),
  );
}

const MOST = 10;

/** A sentence for each. */
export function describeHidden(hidden: HiddenVhost[]): string[] {
  return firstFew(
    hidden.map(({ site, name, places }) => {
      const [[, place]] = Object.entries(places);
      return `site ${site}: a virtual host not managed by this stack on ${Object.keys(places).join(", ")} also serves ${name} (${place}). On the site's VIPs this stack's virtual host answers instead, without the other one's directives: files that it denies, and the source code of programs such as PHP, become public there if they are in the site's document root`;
    }),
    MOST,
    (more) => `and ${more} more sites whose names are also served by virtual hosts not managed by this stack`,
  );
}
