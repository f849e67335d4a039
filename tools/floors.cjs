// @ts-check
"use strict";
/**
 * The floors of the house, for dependency-cruiser: a room imports only rooms below its own, and no import goes in a circle.
 * Imports of types count. The picture and the reasons: docs/design.md, docs/decisions/0032-floors.md.
 */

/** From the bottom. What is on one floor does not import each other. */
const COMPONENTS = [
  ["base"],
  ["network"],
  ["host"],
  ["loopbackVip", "dnsRoundRobin", "routerRoute", "webServerPool"],
  ["config"],
  ["preflight"],
];
/** Above them, startup/ with the files beside the rooms: program.ts and index.ts. */

const CLI = [
  ["terminal"],
  ["pulumi"],
  ["routers"],
  ["status", "preview"],
  ["edits"],
  ["check", "diagram", "drain", "watch"],
  ["certs", "observe"],
  ["init"],
  ["commands"],
];

/** Imports beside each other, with their reasons. */
const BESIDE = {
  // A pool is made of them: each of its servers binds its VIPs by a LoopbackVip.
  "components/webServerPool/": "^components/loopbackVip/",
};

/** @param {string} part @param {string[][]} floors */
function upward(part, floors) {
  return floors.flatMap((rooms, i) =>
    rooms.map((room) => {
      const below = floors.slice(0, i).flat();
      const allowed = [room, ...below].map((name) => `^${part}/${name}/`);
      const beside = /** @type {Record<string, string>} */ (BESIDE)[`${part}/${room}/`];
      return {
        name: `floors: ${part}/${room}`,
        severity: /** @type {const} */ ("error"),
        comment: `${part}/${room}/ imports only rooms below it${below.length > 0 ? `: ${below.join(", ")}` : ", and there is none"}. Move what it needs down to the room whose rule it is, or let the caller above pass it in. The floors: docs/design.md.`,
        from: { path: `^${part}/${room}/` },
        to: { path: `^${part}/`, pathNot: beside ? [...allowed, beside] : allowed },
      };
    }),
  );
}

/** @param {string} name @param {string[]} above what it must not import */
const part = (name, above) => ({
  name: `floors: ${name}`,
  severity: /** @type {const} */ ("error"),
  comment: `${name}/ imports nothing of ${above.map((other) => `${other}/`).join(", ")}, which are above it. Move what it needs into ${name}/.`,
  from: { path: `^${name}/` },
  to: { path: `^(${above.join("|")})/` },
});

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...upward("components", COMPONENTS),
    ...upward("cli", CLI),
    part("components", ["cli", "lab", "tests", "tools", "examples"]),
    part("cli", ["lab", "tests", "tools", "examples"]),
    part("lab", ["tests", "tools", "examples"]),
    {
      name: "no circle",
      severity: "error",
      comment:
        "These files import each other in a circle. Move what both need, often a type, into the lower one or a file of its own.",
      from: {},
      to: { circular: true },
    },
    {
      name: "no Pulumi below",
      severity: "error",
      comment:
        "base/, network/ and config/ work without Pulumi's SDK: the program looks at the machines while the SDK loads, and loopback-ha check never loads it. Import a file that does not import the SDK, or split one.",
      from: { path: "^components/(base|network|config)/" },
      to: { path: "node_modules/@pulumi/", reachable: true },
    },
  ],
  options: {
    // Imports of types count, those in comments of .cjs files, too.
    parser: "tsc",
    tsPreCompilationDeps: true,
    detectJSDocImports: true,
    doNotFollow: { path: "node_modules" },
  },
};
