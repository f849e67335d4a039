import { Lab } from "../../../../lab/lab";
import { cleanMachines } from "../clean";
import { Folder, Rival, WantedFarm, wholeFarm } from "../rival";

/** Ansible: one template a file, all machines at once, ssh as its manual has it for speed. */
export class Ansible implements Rival {
  readonly name = "Ansible";
  private readonly folder: Folder;

  constructor(private readonly lab: Lab) {
    this.folder = new Folder(lab, "ansible");
  }

  write(wanted: WantedFarm): Promise<void> {
    this.folder.write("group_vars/all.json", JSON.stringify(wholeFarm(wanted)));
    return Promise.resolve();
  }

  apply = (): Promise<void> => this.play();
  flip = (): Promise<void> => this.play("--limit", "routers", "--tags", "routes");

  async remove(): Promise<void> {
    await cleanMachines(this.lab);
    this.folder.remove();
  }

  private async play(...options: string[]): Promise<void> {
    await this.folder.operate(["ansible-playbook", "site.yml", ...options]);
  }
}
