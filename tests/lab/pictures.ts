/** What of a machine must be as before after `pulumi destroy`. */
import { Lab } from "../../lab/lab";

const PICTURE = `
  find /etc /usr/local /var/lib -xdev -type f -newermt '1990-01-01' -printf '%p %s %m %l\\n' |
    grep -v -e /var/lib/systemd/ -e /etc/resolv -e /var/lib/apache2/ -e /var/lib/dhcp | sort
  find /etc/systemd /etc/apache2 /etc/bind -type l -printf '%p %l\\n' | sort
  ls /run/loopback-ha* /var/lib/loopback-ha 2>&1
  ip -4 -o address show; ip -4 route show table all | grep -v -e ' cache' | sort; ip -4 rule
  nft list ruleset 2>/dev/null
  cat /proc/sys/net/ipv4/conf/all/arp_ignore /proc/sys/net/ipv4/conf/all/arp_announce
  systemctl list-unit-files --state=enabled --no-legend | awk '{ print $1 }'`;

/** All machines that a farm changes. */
export const farmMachines = ["r1", "ns1", "web1", "web2", "web3", "web4"];

/** A picture of each of them, by name. */
export const pictures = async (lab: Lab): Promise<Map<string, string>> =>
  new Map(
    await Promise.all(
      farmMachines.map(async (name): Promise<[string, string]> => {
        const { stdout } = await lab.exec(name, ["bash", "-c", PICTURE]);
        return [name, stdout];
      }),
    ),
  );
