import assert from "node:assert/strict";
import { formerInstance, instanceOf, withInstance } from "../../components/host/appliedAs.cjs";

describe("the name under which a machine has what the state says was applied (stack renamed)", () => {
  const rows: [report: string, stdout: string][] = [
    [
      "web1: serves 4 pairs of site and VIP\n",
      "web1: serves 4 pairs of site and VIP [farm.lab.web-web1.vhosts]\n",
    ],
    ["a\nb\n", "a\nb [farm.lab.web-web1.vhosts]\n"],
    ["", "[farm.lab.web-web1.vhosts]\n"],
    // A machine in other hands names no other's.
    ["a [farm.other.r1.linux-routes]\n\n", "a [farm.other.r1.linux-routes] [farm.lab.web-web1.vhosts]\n"],
  ];
  for (const [report, stdout] of rows) {
    it(JSON.stringify(report), () => {
      assert.equal(withInstance(report, "farm.lab.web-web1.vhosts"), stdout);
      // The provider cuts off the end of the last line.
      for (const kept of [stdout, stdout.trimEnd()])
        assert.equal(instanceOf(kept), "farm.lab.web-web1.vhosts");
    });
  }

  const none = [
    "",
    "web1: serves 4 pairs\n",
    "[a/../b]\n",
    "[]\n",
    "[.a]\n",
    `[${"a".repeat(300)}]\n`,
    undefined,
  ];
  for (const stdout of none) {
    it(`none in ${JSON.stringify(stdout)}`, () => assert.equal(instanceOf(stdout), undefined));
  }

  const formers: [stdout: string | undefined, former: string | undefined][] = [
    ["x [farm.lab.r1.linux-routes]", "farm.lab.r1.linux-routes"],
    ["x [farm.prod.r1.linux-routes]", undefined],
    // Of a version before ours, or a create.
    ["x", undefined],
    [undefined, undefined],
  ];
  for (const [stdout, former] of formers) {
    it(`former of ${stdout} is ${former}`, () => {
      if (stdout === undefined) delete process.env.PULUMI_COMMAND_STDOUT;
      else process.env.PULUMI_COMMAND_STDOUT = stdout;
      try {
        assert.equal(formerInstance("farm.prod.r1.linux-routes"), former);
      } finally {
        delete process.env.PULUMI_COMMAND_STDOUT;
      }
    });
  }
});
