import assert from "assert";
import { ConfigError, readFarm } from "../../../components/config";
import { pathText } from "../../../components/base/problems";

export type Json = Record<string, unknown>;
export type Key = string | number;

/** A complete farm. */
export function classicFarm(): Json {
  return {
    network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 4 },
    servers: {
      web1: { address: "192.0.2.2" },
      web10: { address: "192.0.2.11" },
      web2: { address: "192.0.2.3" },
      web3: { address: "192.0.2.4" },
    },
    routers: { r1: { address: "192.0.2.1" } },
    nameServers: { ns1: { address: "192.0.2.30" }, ns2: { address: "198.51.100.53" } },
    sites: {
      gadgets: { serverName: "www.gadgets.example", documentRoot: "/var/www/gadgets", hostNumber: 2 },
      widgetco: {
        serverName: "www.widgetco.example",
        aliases: ["widgetco.example"],
        documentRoot: "/var/www/widgetco",
        hostNumber: 1,
      },
    },
    zones: {
      "widgetco.example": {
        contact: "hostmaster@widgetco.example",
        records: [
          { name: "@", type: "MX", value: "10 mail" },
          { name: "mail", type: "A", value: "198.51.100.25" },
        ],
      },
    },
    homes: {},
  };
}

/** Sets a value deep inside; undefined removes it. */
export function set(config: Json, path: Key[], value: unknown): Json {
  const last = path[path.length - 1];
  const parent = path.slice(0, -1).reduce<Json>((at, key) => (at[key] ??= {}) as Json, config);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return config;
}

export function problemsOf(config: Json, keys?: string[]): ConfigError["problems"] {
  try {
    readFarm(config, keys);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** Expects exactly one problem, at this path, on one line that has this fragment; gives the line. */
export function refuses(config: Json, path: string, says: string, keys?: string[]): string {
  const problems = problemsOf(config, keys);
  const paths = problems.map((problem) => problem.path);
  assert.deepStrictEqual(paths, [path], JSON.stringify(problems));
  const [{ text }] = problems;
  assert(text.startsWith(`${path}: `) && !text.includes("\n"), text);
  assert(text.includes(says), `${text} lacks ${says}`);
  return text;
}

/** Where a bad value goes, the value, what the line says, and a value there that is accepted. */
export interface Row {
  at: Key[];
  bad: unknown;
  says: string;
  works: unknown;
  /** The problem's path, where it is not the value's own. */
  path?: string;
}

export function row(at: Key[], bad: unknown, says: string, works: unknown, path?: string): Row {
  return { at, bad, says, works, path };
}

/** A test for each row: the bad value is refused and shown, the value that works is taken. */
export function table(rows: Row[]): void {
  for (const { at, bad, says, works, path } of rows) {
    const where = path ?? pathText(at);
    it(`${where} = ${JSON.stringify(bad)?.slice(0, 60)}`, () => {
      const text = refuses(set(classicFarm(), at, bad), where, says);
      const shown = JSON.stringify(bad);
      const isValue = path === undefined && !/unknown key|: the name/.test(text);
      if (isValue && typeof bad !== "object" && /^[\x20-\x7e]{1,70}$/.test(shown ?? ""))
        assert(text.includes(shown), text);
      assert.deepStrictEqual(problemsOf(set(classicFarm(), at, works)), []);
    });
  }
}

export const zone = "widgetco.example";
export const record = (change: Json): Json => ({ name: "x", type: "A", value: "198.51.100.1", ...change });
export const records = ["zones", zone, "records"];
