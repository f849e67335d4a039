import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { Exit } from "../../../cli/terminal/exit";
import { Farm, textOf } from "../support";

describe("loopback-ha diagram", function () {
  this.timeout(300_000);
  const farm = new Farm();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loopback-ha-diagram-"));

  before("a farm in the lab, with web2 in maintenance", async () => {
    await farm.take();
    const { code, stdout, stderr } = await farm.project.cli(["drain", "web2", "--yes"]);
    assert.equal(code, 0, stdout + stderr);
  });
  after("the next has the farm", async () => {
    fs.rmSync(folder, { recursive: true });
    await farm.handOn();
  });

  async function draw(format: string): Promise<string> {
    const out = path.join(folder, format);
    const result = await farm.project.cli(["diagram", "--format", format, "--out", out]);
    assert.equal(result.code, 0, textOf(result));
    assert.equal(result.stdout, "");
    return fs.readFileSync(out, "utf8");
  }

  it("shows who serves what, and who is in maintenance (story)", async () => {
    const svg = await draw("svg");
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" .*<\/svg>\n$/s);
    const [, words] = /<desc>(.*)<\/desc>/.exec(svg)!;
    assert.equal(
      words,
      [
        "r1: 192.0.2.32/27 goes to web1",
        "r1: 192.0.2.64/27 goes to web1 (home: web2)",
        "r1: 192.0.2.96/27 goes to web3",
        "r1: 192.0.2.128/27 goes to web4",
        "web1: active, serves 2 of 4 subnets, 0 connections",
        "web2: maintenance, serves 0 of 4 subnets, 0 connections",
        "web3: active, serves 1 of 4 subnets, 0 connections",
        "web4: active, serves 1 of 4 subnets, 0 connections",
      ].join("; "),
    );
    assert.match(svg, />everything matches the config</);
    assert.match(svg, />192\.0\.2\.70</);
    const mermaid = await draw("mermaid");
    assert.match(mermaid, /^ {2}r0x1 -\.->\|"home: web2"\| s0$/m);
    assert.match(mermaid, /s1\["web2: maintenance<br\/>192\.0\.2\.3<br\/>/);
  });

  it("draws a router that does not answer from the config, and says so", async () => {
    await farm.lab.cut("r1");
    try {
      const svg = await draw("svg");
      assert.match(svg, />The state of r1 is unknown \(r1.*\): its next hops are drawn from the config\.</);
      assert.match(svg, /web1: active, should serve 2 of 4 subnets/);
      assert.match(await draw("mermaid"), /r1 is drawn from the config: r1/);
    } finally {
      await farm.lab.heal("r1");
    }
  });

  it("refuses a format that it can't draw", async () => {
    const result = await farm.project.cli(["diagram", "--format", "png"]);
    assert.equal(result.code, Exit.Usage);
    assert.match(textOf(result), /Allowed choices are svg, mermaid/);
  });
});
