import { Key, classicFarm, row, table } from "./support";

describe("config: bad network", () => {
  const network = (key: string): Key[] => ["network", key];
  table([
    row(["network"], undefined, "is missing; use an object with block", classicFarm().network),
    row(["network"], "192.0.2.0/24", "must be an object; use an object with block", classicFarm().network),
    row(network("block"), undefined, "is missing; use a block such as", "192.0.2.0/24"),
    row(network("block"), 5, "must be a string", "192.0.2.0/24"),
    row(network("block"), "192.0.2.7/24", "use 192.0.2.0/24", "192.0.2.0/24"),
    row(network("block"), "192.0.2.0/255.255.255.0", "use 192.0.2.0/24", "192.0.2.0/24"),
    row(network("block"), "2001:db8::/32", "IPv4 only", "192.0.2.0/24"),
    row(network("subnetPrefix"), undefined, "is missing; use a whole number from 9 to 30", 27),
    row(network("subnetPrefix"), 24, "such as 27", 27),
    row(network("subnetPrefix"), 31, "such as 27", 27),
    row(network("subnetPrefix"), "27", "must be a number, not a string; write 27", 27),
    row(network("subnetPrefix"), "027", "must be a number, not a string; write 27", 27),
    row(network("vipSubnets"), 8, "use 7 or fewer", 7),
    row(network("vipSubnets"), 0, "from 1 to 256", 4),
    row(network("vipSubnets"), "04", "must be a number, not a string; write 4", 4),
    row(
      network("retiringVipSubnets"),
      4,
      "would leave DNS without VIPs: there are 4 VIP subnets; use 0 to 3",
      1,
    ),
    row(network("retiringVipSubnets"), -1, "from 0 to 255", 0),
    row(network("serverSubnet"), "192.0.2.1/27", "use 192.0.2.0/27", "192.0.2.0/27"),
    row(network("strictSubnets"), "false", "use true or false, without quotes", false),
    row(network("binding"), "anyip", "use alias or subnet", "subnet"),
    row(network("granularity"), "vip", "use subnet or host", "host"),
    row(network("vipSubnet"), 4, "did you mean vipSubnets?", undefined),
  ]);
});
