import { Lab } from "../../../../lab/lab";
import { cleanMachines } from "../clean";
import { Folder, Rival, WantedFarm, routesOf, serialOf, sitesOf } from "../rival";

/** A script and ssh: the floor. */
export class PlainSsh implements Rival {
  readonly name: string = "plain ssh";
  private readonly folder: Folder;

  constructor(protected readonly lab: Lab) {
    this.folder = new Folder(lab, "ssh");
  }

  write(wanted: WantedFarm): Promise<void> {
    const file = (name: string, rows: string[][]): void =>
      this.folder.write(name, rows.map((row) => `${row.join(" ")}\n`).join(""));
    file(
      "sites.txt",
      sitesOf(wanted).map(({ serverName, root, vips }) => [serverName, root, ...vips]),
    );
    file("routes.txt", Object.entries(routesOf(wanted)));
    file("serial.txt", [[String(serialOf(wanted))]]);
    return Promise.resolve();
  }

  async apply(): Promise<void> {
    await this.folder.operate(["bash", "farm.sh"]);
  }

  async flip(): Promise<void> {
    await this.folder.operate(["bash", "farm.sh", "routes"]);
  }

  async remove(): Promise<void> {
    await cleanMachines(this.lab);
    this.folder.remove();
  }
}
