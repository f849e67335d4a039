import * as fs from "node:fs";
import * as path from "node:path";
import { Lab } from "../../../../lab/lab";
import { SERVERS, WantedFarm, sitesOf } from "../rival";
import { PlainSsh } from "../ssh";

const fill = (file: string, values: Record<string, string>): string =>
  Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@${name}@`, value),
    fs.readFileSync(path.join(__dirname, file), "utf8"),
  );

/** keepalived.conf of one of the servers: first in line for one VIP subnet, and the next ones in their order for the others. */
export function keepalivedConf(server: string, vips: string[][], seconds: number): string {
  const instances = vips.map((subnet, i) => {
    const isFirst = SERVERS[i] === server;
    return fill("instance.conf", {
      NAME: `subnet${i + 1}`,
      STATE: isFirst ? "MASTER" : "BACKUP",
      ID: String(51 + i),
      PRIORITY: String(isFirst ? 200 : 150 - 10 * SERVERS.indexOf(server)),
      SECONDS: String(seconds),
      VIPS: subnet.map((vip) => `    ${vip}/32`).join("\n"),
    });
  });
  return fill("keepalived.conf", {
    SERVER: server,
    VERSION: seconds < 1 ? "3" : "2",
    INSTANCES: instances.join("\n").trimEnd(),
  });
}

/**
 * keepalived: VRRP moves the VIPs themselves between the servers' interfaces, and the router takes them for neighbours.
 * All else is as plain ssh has it.
 */
export class Keepalived extends PlainSsh {
  override readonly name: string;
  private wanted?: WantedFarm;

  constructor(
    lab: Lab,
    /** Between two advertisements. */
    private readonly seconds: number,
  ) {
    super(lab);
    this.name = `keepalived, advert_int ${seconds}`;
  }

  override async write(wanted: WantedFarm): Promise<void> {
    await super.write(wanted);
    this.wanted = wanted;
  }

  override async apply(): Promise<void> {
    await super.apply();
    const sites = sitesOf(this.wanted!);
    const vips = SERVERS.map((_, i) => sites.map((site) => site.vips[i]));
    // Each VIP is in the servers' subnet now.
    await this.sh(
      "r1",
      "sed -i 's/ via .*/ dev host0/' /etc/farm-routes.batch; ip -batch /etc/farm-routes.batch",
    );
    await Promise.all(
      SERVERS.map(async (server) => {
        await this.sh(
          server,
          "systemctl disable --quiet --now farm-vips; for p in $(ip route show table local type local dev lo proto boot | grep -oE '192[0-9.]+/22'); do ip route del table local local $p dev lo; done",
        );
        const input = keepalivedConf(server, vips, this.seconds);
        await this.lab.exec(server, ["tee", "/etc/keepalived/keepalived.conf"], { input, check: true });
        await this.sh(server, "keepalived -t && systemctl enable --quiet --now keepalived");
      }),
    );
  }

  /** What its administrator does before he works on web2, and after it. */
  override async flip(): Promise<void> {
    const verb = this.wanted!.web2 === "active" ? "start" : "stop";
    const ssh = [
      "ssh",
      "-o",
      "ControlMaster=auto",
      "-o",
      "ControlPersist=60",
      "-o",
      "ControlPath=~/.ssh/farm-%C",
    ];
    await this.lab.exec("operator", [...ssh, "root@192.0.2.3", `systemctl ${verb} keepalived`], {
      check: true,
    });
  }

  private async sh(machine: string, command: string): Promise<void> {
    await this.lab.exec(machine, ["bash", "-c", command], { check: true });
  }
}
