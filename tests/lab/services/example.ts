/** An example of another service in the lab: brought up, failed over and back by the commands of its page. */
import assert from "node:assert/strict";
import { Lab } from "../../../lab/lab";
import { Project } from "../../../lab/project";
import { block } from "../../pages";
import { operateIn, tryIn } from "../operate";
import { SERVERS, emptyLab, textOf } from "../support";

/** The VIP of the subnet that moves from web2 to web1, and back: all examples have this host number. */
export const VIP = "192.0.2.74";

export class Example {
  readonly lab = new Lab();
  private project!: Project;
  /** web2 into maintenance, and active again. */
  flips: { away: string; home: string } = { away: "", home: "" };

  constructor(private readonly name: string) {}

  async build(): Promise<void> {
    await emptyLab(this.lab);
    this.project = new Project(this.lab, this.name, `examples/${this.name}`);
    const lines = block(`examples/${this.name}/README.md`, "pulumi stack init").trim().split("\n");
    const [home, away] = [lines.pop()!, lines.pop()!];
    assert.match(away, /config set web2 maintenance/);
    this.flips = { away, home };
    await this.operate(lines.join("\n"));
  }

  /** web2 goes into maintenance: web1 takes over. What the page's command printed. */
  away(): Promise<string> {
    return this.operate(this.flips.away);
  }

  home(): Promise<string> {
    return this.operate(this.flips.home);
  }

  /** A file in its folder. */
  file(name: string): string {
    return this.project.file(name);
  }

  operate(lines: string): Promise<string> {
    return operateIn(this.project, lines);
  }

  /** What a command prints that must fail. */
  async refused(lines: string): Promise<string> {
    const result = await tryIn(this.project, lines);
    assert.notEqual(result.code, 0, textOf(result));
    return textOf(result);
  }

  /** What a shell command on a machine prints; it must succeed. */
  async sh(machine: string, command: string): Promise<string> {
    return (await this.lab.exec(machine, ["bash", "-c", command], { check: true })).stdout;
  }

  /** Nothing of it stays, on the machines neither. */
  async destroy(): Promise<void> {
    const result = await this.project.destroy();
    this.project.remove();
    assert.equal(result.code, 0, textOf(result));
    await Promise.all([...SERVERS, "ns1"].map((name) => this.lab.reset(name)));
  }
}
