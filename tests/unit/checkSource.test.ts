import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { asRoutersLib, installScripts } from "./machineScripts";

const SCRIPTS = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-scripts-"));

/** What usual_source of the real script picks of a router's addresses, where the servers' subnet is on eth1. */
function pick(...addresses: [string, string][]): string {
  const lines = addresses.map(
    ([device, address], index) =>
      `${index + 1}: ${device}    inet ${address} brd 192.0.2.255 scope global ${device}\\       valid_lft forever`,
  );
  const run = `${asRoutersLib()}. "$0/routes.sh"; usual_source eth1`;
  const input = lines.map((line) => `${line}\n`).join("");
  return execFileSync("bash", ["-euc", run, SCRIPTS], { input, encoding: "utf8" }).trim();
}

describe("the address that a router's health checks come from (docker0 on router and server)", () => {
  before(() => installScripts(SCRIPTS, "routerRoute"));
  after(() => fs.rmSync(SCRIPTS, { recursive: true }));
  const docker: [string, string] = ["docker0", "172.17.0.1/16"];
  const servers: [string, string] = ["eth1", "192.0.2.1/27"];

  it("is the first outside the servers' subnet", () => {
    assert.equal(pick(servers, ["eth0", "198.51.100.2/24"], ["eth2", "203.0.113.2/24"]), "198.51.100.2");
  });

  for (const bridge of [
    "docker0",
    "br-0123456789ab",
    "virbr0",
    "lxcbr0",
    "podman1",
    "cni0",
    "veth12",
    "vnet3",
  ]) {
    it(`is not one of ${bridge} if there is another`, () => {
      assert.equal(pick([bridge, "172.17.0.1/16"], servers, ["wan0", "198.51.100.2/24"]), "198.51.100.2");
    });
  }

  it("is a bridge's if there is no other, and none on a router that is only in the servers' subnet", () => {
    assert.equal(pick(docker, servers), "172.17.0.1");
    assert.equal(pick(servers), "");
  });

  it("is a bridge's address if the operator named the bridge", () => {
    assert.equal(pick(docker, ["br0", "198.51.100.2/24"]), "198.51.100.2");
  });
});
