import * as fs from "node:fs";
import { Lab } from "../../../lab/lab";
import { Project } from "../../../lab/project";
import { timeUp } from "../../lab/wallTimes";
import { wideFarmConfig } from "../farm";
import { Rival, WantedFarm } from "./rival";

/** This package: `pulumi up`, each time with a check that all sites answer. */
export class Ours implements Rival {
  readonly name = "pulumi-loopback-ha";
  readonly project: Project;
  private sites = 0;

  constructor(lab: Lab) {
    this.project = new Project(lab);
  }

  async write({ sites, web2 }: WantedFarm): Promise<void> {
    const isNew = this.sites === 0;
    if (this.sites !== sites) fs.writeFileSync(this.project.file("Pulumi.lab.yaml"), wideFarmConfig(sites));
    this.sites = sites;
    if (isNew) await this.project.init();
    await this.project.set("servers.web2.state", web2);
  }

  async apply(): Promise<void> {
    await timeUp(this.project);
  }

  flip = (): Promise<void> => this.apply();

  async remove(): Promise<void> {
    const { code, stdout, stderr } = await this.project.destroy();
    if (code !== 0) throw new Error(stdout + stderr);
  }
}
