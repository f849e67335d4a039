import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { capture } from "../../../lab/capture";
import { Lab, LabError } from "../../../lab/lab";
import { checkout } from "../../../lab/state";
import { OURS } from "./results";

const onPath = (name: string): boolean =>
  (process.env.PATH ?? "").split(":").some((folder) => fs.existsSync(path.join(folder, name)));

export const terraformIsThere = (): boolean => onPath("terraform");

async function firstLine(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await capture(command, args);
  const text = (stdout + stderr).trim();
  if (code !== 0) throw new LabError(`${command} ${args.join(" ")}: ${text}`, `see why ${command} fails`);
  return text.split("\n")[0].trim();
}

/** The versions of everything that takes part; those of the machines' programs once the lab is up. */
export async function versionsOf(): Promise<{ operators: string[]; machines(lab: Lab): Promise<string[]> }> {
  if (!onPath("ansible-playbook"))
    throw new LabError("Ansible is not installed", "apt-get install ansible-core");
  const own = JSON.parse(fs.readFileSync(path.join(checkout, "package.json"), "utf8")) as { version: string };
  const terraform = terraformIsThere()
    ? [
        (await capture("terraform", ["version"], { env: { ...process.env, CHECKPOINT_DISABLE: "1" } })).stdout
          .split("\n")
          .find((line) => line.startsWith("Terraform v"))!,
      ]
    : [];
  return {
    operators: [
      `${OURS} ${own.version}`,
      `Pulumi ${await firstLine("pulumi", "version")}`,
      `Node.js ${process.version}`,
      await firstLine("ansible", "--version"),
      ...terraform,
      await firstLine("ssh", "-V"),
      `Linux ${os.release()}`,
    ],
    async machines(lab) {
      const debian = async (name: string, ...packages: string[]): Promise<string[]> => {
        const show = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", ...packages];
        return (await lab.exec(name, show, { check: true })).stdout.trim().split("\n");
      };
      const { stdout } = await lab.exec("web1", ["cat", "/etc/debian_version"], { check: true });
      return [
        `Debian ${stdout.trim()}`,
        ...(await debian("web1", "apache2", "bind9", "python3", "keepalived")),
      ];
    },
  };
}
