import { createRequire } from "node:module";

/** The package's version. By name: sources and package have its file at other distances. */
export const { version } = createRequire(__filename)("pulumi-loopback-ha/package.json") as {
  version: string;
};
