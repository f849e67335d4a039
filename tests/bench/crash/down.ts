/** `loopback-ha down` of a dead server, without any open connection, against the bare `pulumi up` of the same change. */
import { Farm } from "../../lab/support";
import { timeUp, timed } from "../../lab/wallTimes";
import { inTurn, spread } from "../times";
import { sectionWriter } from "./page";

const TARGET = 1.2;

/** Measures both in turn, so many rounds, and writes the section. */
export async function coldDowns(rounds: number): Promise<void> {
  const farm = new Farm();
  await farm.build();
  const ways: [string, () => Promise<unknown>][] = [
    ["loopback-ha down web2", () => farm.project.cli(["down", "web2", "--yes"], { check: true })],
    [
      "the config's state set, and pulumi up --skip-preview",
      async () => {
        await farm.setState("web2", "down");
        await timeUp(farm.project);
      },
    ],
  ];
  try {
    const [command, bare] = await inTurn(rounds, ways, async ([what, act]) => {
      await farm.lab.crash("web2");
      await farm.forgetConnections();
      const seconds = await timed(act);
      console.log(`${what}: ${seconds.toFixed(2)} s`);
      await farm.lab.start("web2");
      for (const state of ["maintenance", "active"]) {
        await farm.setState("web2", state);
        await farm.up();
      }
      return seconds;
    });
    const ratio = command.median / bare.median;
    await sectionWriter()("##", {
      title: "A dead server is set down",
      command: "BENCH_PARTS=down npm run bench -- crash",
      text: `web2 has no power, and no ssh connection is open. ${rounds} runs each, taking turns: median (minimum to maximum).`,
      head: ["by", "wall time", "over the bare flip"],
      rows: [
        [ways[0][0], spread(command), `${ratio.toFixed(2)} x (target: at most ${TARGET} x)`],
        [ways[1][0], spread(bare), ""],
      ],
    });
  } finally {
    await farm.destroy();
  }
}
