/** Bugs that are planted in a copy of the product, one at a time, so that it is known which ones a run would find. */
import * as fs from "node:fs";
import * as path from "node:path";

export interface Mutant {
  name: string;
  /** What goes wrong with it. */
  bug: string;
  file: string;
  from: string;
  to: string;
  /** Within how many sequences it must be found. */
  within: number;
  /** Sequences with a guard find it. */
  guarded?: boolean;
}

/** With this seed each of them is met early. Without a seed of one's own. */
export const MUTANT_SEED = 12;

export const MUTANTS: Mutant[] = [
  {
    name: "no-boot",
    bug: "after a boot nothing brings the VIPs back",
    file: "components/host/machine/restore.sh",
    from: 'exit 0\n  keep "$state/current"\n',
    to: "exit 0\n",
    within: 30,
  },
  {
    name: "no-way-back",
    bug: "a change that fails half-way stays as it is",
    file: "components/host/machine/apply.sh",
    from: '    go_back "$previous" "$doubted"\n',
    to: "",
    within: 30,
  },
  {
    name: "all-is-ours",
    bug: "other people's addresses on lo are removed with ours",
    file: "components/loopbackVip/role.sh",
    from: 'of_all_versions bindings | sort -u | comm -12 - "$2" |\n',
    to: 'cat "$2" |\n',
    within: 10,
  },
  {
    name: "no-pins",
    bug: "open connections move with the route",
    file: "components/routerRoute/linux/pinRuleset.awk",
    from: '  add_rule("to_vip", "ct mark and " mask " vmap @pins")\n',
    to: "",
    within: 30,
  },
  {
    name: "no-holds",
    bug: "a run, a boot or the supervisor gives a server that the guard holds its prefixes back",
    file: "components/routerRoute/linux/guard.sh",
    from: '  [[ ! -s $held_now ]] || files+=(part=held "$held_now")\n',
    to: "",
    within: 10,
    guarded: true,
  },
];

/** Plants the bug in a copy of the program. */
export function plant({ name, file, from, to }: Mutant, copy: string): void {
  const place = path.join(copy, file);
  const text = fs.readFileSync(place, "utf8");
  if (text.split(from).length !== 2) throw new Error(`mutant ${name}: ${file} does not have its text once`);
  fs.writeFileSync(
    place,
    text.replace(from, () => to),
  );
}
