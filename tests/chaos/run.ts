/** `npm run chaos`: random sequences on the lab, checked against the model. docs/chaos.md tells of it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { parseArgs } from "node:util";
import { lastingFolder } from "../twoAtATime";
import { MUTANTS, MUTANT_SEED, Mutant } from "./mutants";
import { Player, Verdict } from "./player";
import { sequenceOf, words } from "./sequence";
import { playSurroundings } from "../unit/watch/sequences";

const PREVIEW_EVERY = 5;
/** Problems of a sequence that are printed; its log has all. */
const SHOWN = 6;

const USAGE = `usage: npm run chaos -- [--sequences N] [--minutes M] [--seed S] [--from K]
                                      default: 10 sequences from the first on, at most 60 minutes
       npm run chaos -- --seed S --sequence K                     plays that one again
       npm run chaos -- --guard [--sequences N] ...               the same with a guard on the router
       npm run chaos -- --mutant NAME [--seed S]                  with a planted bug, until it is found
       npm run chaos -- --mutants                                 each planted bug must be found
       npm run chaos -- --watcher [--sequences N] [--from K]      what may happen around a watcher, without the lab
       npm run chaos -- --watcher --sequence K                    plays that one again`;

interface Options {
  seed: number;
  numbers: number[];
  /** When no further sequence begins. */
  deadline: number;
  mutant?: Mutant;
  guarded: boolean;
}

/** How a run ended: how many sequences were played, and the numbers of those with problems. */
interface Result {
  played: number;
  found: number[];
}

/** Plays them one after the other; after one with problems on a new farm. With a mutant only until it is found. */
async function playAll({ seed, numbers, deadline, mutant, guarded }: Options): Promise<Result> {
  const result: Result = { played: 0, found: [] };
  let player: Player | undefined;
  try {
    for (const number of numbers) {
      if (Date.now() > deadline) break;
      player ??= await Player.build(mutant, guarded);
      const sequence = sequenceOf(seed, number, guarded);
      console.log(
        `${number}: ${sequence.steps.map(words).join("; ")}${sequence.destroyed ? "; destroy all" : ""}`,
      );
      const verdict = await player.play(sequence, number % PREVIEW_EVERY === 0);
      result.played++;
      report(`--seed ${seed} --sequence ${number}${guarded ? " --guard" : ""}`, `${seed}-${number}`, verdict);
      if (verdict.problems.length === 0) continue;
      result.found.push(number);
      await player.remove();
      player = undefined;
      if (mutant) break;
    }
  } finally {
    await player?.remove();
  }
  return result;
}

function report(again: string, name: string, { problems, seconds, log }: Verdict): void {
  if (problems.length === 0) {
    console.log(`   ok, ${seconds.toFixed(1)} s`);
    return;
  }
  const file = path.join(lastingFolder, `loopback-ha-chaos-${name}.log`);
  fs.writeFileSync(file, `${log}\n\n${problems.join("\n")}\n`);
  for (const problem of problems.slice(0, SHOWN)) console.log(`   NOT AS IT SHOULD BE: ${problem}`);
  if (problems.length > SHOWN) console.log(`   NOT AS IT SHOULD BE: and ${problems.length - SHOWN} more`);
  console.log(`   ${seconds.toFixed(1)} s; all that was said: ${file}`);
  console.log(`   again: npm run chaos -- ${again}`);
}

const numbersFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

/** Whether the planted bug was found in time. */
async function finds(mutant: Mutant, seed: number): Promise<boolean> {
  console.log(`mutant ${mutant.name}: ${mutant.bug}`);
  const { played, found } = await playAll({
    seed,
    numbers: numbersFrom(1, mutant.within),
    deadline: Infinity,
    mutant,
    guarded: mutant.guarded === true,
  });
  console.log(
    found.length > 0
      ? `mutant ${mutant.name}: found in sequence ${found[0]}`
      : `mutant ${mutant.name}: NOT FOUND in ${played} sequences`,
  );
  return found.length > 0;
}

/** Whether it lived, and acted or said at once that it can't, in each. */
async function watcherLives(first: number, count: number): Promise<boolean> {
  let bad = 0;
  await playSurroundings(first, count, ({ seed, wrong }) => {
    if (wrong.length === 0) return console.log(`${seed}: ok`);
    bad++;
    for (const problem of wrong) console.log(`${seed}: NOT AS IT SHOULD BE: ${problem}`);
    console.log(`   again: npm run chaos -- --watcher --sequence ${seed}`);
  });
  console.log(`${count} sequences, ${count - bad} as they should be`);
  return bad === 0;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      sequences: { type: "string", default: "10" },
      minutes: { type: "string", default: "60" },
      seed: { type: "string" },
      sequence: { type: "string" },
      from: { type: "string", default: "1" },
      mutant: { type: "string" },
      mutants: { type: "boolean", default: false },
      watcher: { type: "boolean", default: false },
      guard: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const number = (text: string, what: string): number => {
    if (!/^\d+$/.test(text)) throw new Error(`--${what} is '${text}', and no whole number\n${USAGE}`);
    return Number(text);
  };
  if (values.watcher) {
    return values.sequence
      ? watcherLives(number(values.sequence, "sequence"), 1)
      : watcherLives(number(values.from, "from"), number(values.sequences, "sequences"));
  }
  const anySeed = (): number =>
    values.mutants || values.mutant ? MUTANT_SEED : Math.floor(Math.random() * 2 ** 31);
  const seed = values.seed ? number(values.seed, "seed") : anySeed();
  console.log(`seed ${seed}`);
  const mutants = values.mutants ? MUTANTS : MUTANTS.filter(({ name }) => name === values.mutant);
  if (values.mutant && mutants.length === 0)
    throw new Error(
      `there is no mutant '${values.mutant}': one of ${MUTANTS.map(({ name }) => name).join(", ")}`,
    );
  if (mutants.length > 0 && !values.sequence) {
    let all = true;
    for (const mutant of mutants) all = (await finds(mutant, seed)) && all;
    return all;
  }
  const began = Date.now();
  const { played, found } = await playAll({
    seed,
    numbers: values.sequence
      ? [number(values.sequence, "sequence")]
      : numbersFrom(number(values.from, "from"), number(values.sequences, "sequences")),
    deadline: began + number(values.minutes, "minutes") * 60_000,
    mutant: mutants[0],
    guarded: values.guard,
  });
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  console.log(
    `seed ${seed}: ${played} sequences in ${minutes} minutes, ${played - found.length} as the model says${
      found.length > 0 ? `; not so: ${found.join(", ")}` : ""
    }`,
  );
  return found.length === 0;
}

main().then(
  (good) => process.exit(good ? 0 : 1),
  (error: Error) => {
    console.error(error.message);
    process.exit(2);
  },
);
