/** A site with https whose certificate and key come from the program, in place of a folder. */
import * as pulumi from "@pulumi/pulumi";
import { CheckKind, RouterRoute, WebServerPool } from "../../components";
import { plan, routing, servers, vips, zone } from "../network";

const config = new pulumi.Config();
const site = { name: "widgetco", serverName: `www.${zone}`, documentRoot: "/srv/www/widgetco", vips };

const pool = new WebServerPool("web", {
  servers,
  prefixes: plan.vipSubnets,
  sites: [
    {
      ...site,
      // Outputs of other resources work as well: those of an ACME provider, or of @pulumi/tls.
      tls: { certificate: config.require("certificate"), privateKey: config.requireSecret("privateKey") },
    },
  ],
});

new RouterRoute("r1", {
  ...routing,
  checks: vips.flatMap((vip) => [
    { vip, site: site.name, kind: CheckKind.Http, serverName: site.serverName, pool: "web" },
    { vip, site: site.name, kind: CheckKind.Tcp, port: 443 },
  ]),
  healthPaths: { web: pool.healthPath },
});
