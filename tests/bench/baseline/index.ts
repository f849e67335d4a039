import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { load } from "../../../components/startup/built.cjs";

// Built, as the farm's program is.
for (const module of ["components/index", "components/config/index", "components/preflight/inspection"])
  load(module);

const config = new pulumi.Config();
new random.RandomPassword("token", { length: 32 });
for (let i = 0; i < config.requireNumber("commands"); i++) {
  // One command runs again in each flip, as the router's does.
  new command.local.Command(`c${i}`, { create: "true", stdin: i === 0 ? config.require("state") : "" });
}
