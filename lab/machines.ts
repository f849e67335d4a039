/** The lab's network: every machine, cable and address. Documentation addresses only (RFC 5737). */

/** What a machine is for. */
export type Role = "router" | "web" | "dns" | "client" | "operator";

/** Which side of the router a cable is on. */
export type Side = "inside" | "outside";

/** A network cable between a machine and the lab's switch. */
export interface Cable {
  side: Side;
  /** The interface's name on the machine. */
  interface: string;
  /** The interface's name at the switch. */
  port: string;
  /** Addresses with prefix length; the first one is the machine's own. */
  addresses: string[];
  /** Next hop of the machine's default route. */
  gateway?: string;
}

/** One machine of the lab. */
export interface Machine {
  name: string;
  role: Role;
  /** `debian`: a booted Debian with its own disk; `namespace`: this host with another network and ~/.ssh. */
  kind: "debian" | "namespace";
  cables: Cable[];
  /** systemd units enabled in addition to sshd and networkd. */
  services: string[];
  /** systemd units that it can do without, masked. */
  masked?: string[];
}

const ethernet = (name: string, host: number, gateway?: string, kind: Machine["kind"] = "debian"): Cable => ({
  side: "inside",
  interface: kind === "debian" ? "host0" : "eth0",
  port: `vb-${name}`,
  addresses: [`192.0.2.${host}/27`],
  ...(gateway && { gateway }),
});

const router = "192.0.2.1";

const web = (name: string, host: number): Machine => ({
  name,
  role: "web",
  kind: "debian",
  cables: [ethernet(name, host, router)],
  services: ["apache2.service"],
});

/** The machines of every lab, in the order they are shown. */
export const machines: readonly Machine[] = [
  {
    name: "r1",
    role: "router",
    kind: "debian",
    cables: [
      ethernet("r1", 1),
      { side: "outside", interface: "out0", port: "r1-out", addresses: ["198.51.100.1/24"] },
    ],
    services: [],
  },
  web("web1", 2),
  web("web2", 3),
  web("web3", 4),
  web("web4", 5),
  {
    name: "ns1",
    role: "dns",
    kind: "debian",
    cables: [ethernet("ns1", 10, router)],
    services: ["named.service"],
  },
  {
    name: "operator",
    role: "operator",
    kind: "namespace",
    cables: [ethernet("operator", 30, router, "namespace")],
    services: [],
  },
  {
    name: "client",
    role: "client",
    kind: "namespace",
    cables: [
      {
        side: "outside",
        interface: "eth0",
        port: "vb-client",
        addresses: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((host) => `198.51.100.${host}/24`),
        gateway: "198.51.100.1",
      },
    ],
    services: [],
  },
];

/** The machines that are booted, without the two namespaces. */
export const debians: readonly Machine[] = machines.filter(({ kind }) => kind === "debian");

/** The name server that the client asks. */
export const nameServer = "192.0.2.10";

/** The most web servers that the lab has room for. */
export const mostServers = 20;

// Each takes seven inotify instances as it is, and four without these: twenty and the others keep within a host's usual 128.
const masked = [
  ...["dbus.service", "dbus.socket", "systemd-logind.service"],
  ...["systemd-ask-password-console.path", "systemd-ask-password-wall.path"],
];

/** web5 and on: started by `up` when it is told so, and part of nothing else. web1 to web8 have .2 to .9, then comes ns1. */
export const furtherServers: readonly Machine[] = Array.from({ length: mostServers - 4 }, (_, i) => ({
  ...web(`web${i + 5}`, i + 5 < 9 ? i + 6 : i + 7),
  masked,
}));

/** A machine's own address, without prefix length. */
export const addressOf = ({ cables }: Machine): string => cables[0].addresses[0].split("/")[0];
