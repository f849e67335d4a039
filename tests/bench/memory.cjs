// @ts-check
"use strict";
// Preloaded into the program of a stack: writes its peak memory, in KiB, into the file LOOPBACK_HA_BENCH_MEMORY.
const file = process.env.LOOPBACK_HA_BENCH_MEMORY;
if (file && process.argv[1]?.includes("cmd/run")) {
  process.on("exit", () => require("node:fs").writeFileSync(file, String(process.resourceUsage().maxRSS)));
}
