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
}

export const MUTANTS: Mutant[] = [
  {
    name: "no-mark",
    bug: "a run that was killed leaves no in-doubt mark, and the config put back is taken for applied",
    file: "components/host/apply.sh",
    from: 'mkdir -p "$state/versions" && stamp in-doubt && return',
    to: 'mkdir -p "$state/versions" && return',
    within: 40,
  },
  {
    name: "no-way-back",
    bug: "a change that fails half-way stays as it is",
    file: "components/host/apply.sh",
    from: '    go_back "$previous" "$doubted"\n',
    to: "",
    within: 40,
  },
  {
    name: "no-pins",
    bug: "open connections move with the route",
    file: "components/routerRoute/linux/pinning.sh",
    from: '      rule("to_vip", "ct mark and " mask " vmap @pins")\n',
    to: "",
    within: 40,
  },
  {
    name: "no-proof",
    bug: "traffic moves to a server that does not answer",
    file: "components/routerRoute/routes.sh",
    from: "  [[ -z $moves ]] || prove\n",
    to: "",
    within: 60,
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
