import * as pulumi from "@pulumi/pulumi";
import { VipBinding } from "../network/addressPlan";
import { checkHosts } from "../host/checkHosts";
import { hostCommand, instanceName, resourcesBehind } from "../host/hostCommand";
import { ServerArgs } from "../host/ssh";
import { VIPS } from "./role";
import { renderBindings, SYSCTLS } from "./bindings";

/** Arguments of {@link LoopbackVip}. */
export interface LoopbackVipArgs {
  /** The server that binds the VIPs. */
  server: ServerArgs;
  /** The VIPs, as addresses without a mask: each is bound as a /32. */
  vips: string[];
  /** The prefixes the VIPs come from; unbound addresses in them are unreachable on the server instead of bouncing. */
  prefixes: string[];
  /** `alias`: one address on lo for each VIP; `subnet`: one local route for each prefix (AnyIP). Default: alias. */
  binding?: VipBinding;
  /** The server is not touched before these are known. Default: nothing to wait for. */
  after?: pulumi.Input<string>[];
}

/**
 * VIPs on the loopback device of one server, kept over a reboot and put back when something takes them away. Nothing answers ARP for them: the server to which the router
 * sends their packets serves them.
 *
 * @throws UserError when a VIP is in none of the prefixes.
 */
export class LoopbackVip extends pulumi.ComponentResource {
  /** What the server said after it had bound the VIPs. */
  public readonly report: pulumi.Output<string>;

  constructor(name: string, args: LoopbackVipArgs, opts?: pulumi.ComponentResourceOptions) {
    checkHosts("server", [args.server]);
    instanceName(name, VIPS.name);
    const bindings = renderBindings(args.vips, args.prefixes, args.binding ?? VipBinding.Alias);
    super("loopback-ha:index:LoopbackVip", name, { binding: args.binding }, opts);
    const bound = hostCommand(
      `${name}-vips`,
      {
        host: args.server,
        role: VIPS.name,
        ifDead: VIPS.ifDead(args.server.name),
        scripts: [__dirname],
        component: name,
        want: {
          bindings,
          sysctls: SYSCTLS,
        },
      },
      { parent: this, dependsOn: resourcesBehind(args.after) },
    );
    this.report = bound.stdout;
    this.registerOutputs({ report: this.report });
  }
}
