import { Lab } from "../../../../lab/lab";
import { cleanMachines } from "../clean";
import { Folder, Rival, WantedFarm, wholeFarm } from "../rival";

/** It asks its maker for news otherwise, which an operator without the internet waits for. */
const ENV = { CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null" };

/** Terraform: a script a machine, run anew where its text changed. */
export class Terraform implements Rival {
  readonly name = "Terraform";
  private readonly folder: Folder;
  private isReady = false;

  constructor(private readonly lab: Lab) {
    this.folder = new Folder(lab, "terraform");
  }

  async write(wanted: WantedFarm): Promise<void> {
    this.folder.write("farm.auto.tfvars.json", JSON.stringify(wholeFarm(wanted)));
    if (!this.isReady) await this.terraform("init");
    this.isReady = true;
  }

  apply = (): Promise<void> => this.terraform("apply", "-auto-approve");
  flip = (): Promise<void> => this.apply();

  async remove(): Promise<void> {
    await cleanMachines(this.lab);
    this.folder.remove();
  }

  private async terraform(...words: string[]): Promise<void> {
    await this.folder.operate(["terraform", ...words, "-input=false", "-no-color"], { env: ENV });
  }
}
