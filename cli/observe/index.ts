/** The watcher's page and metrics: puts together what it knows, the last look at the machines, and the listener. */
import { gather } from "../status/gather";
import type { Session } from "../pulumi/session";
import { active } from "../watch/state";
import type { Onlooker, Watcher } from "../watch/watch";
import { exposition } from "./exposition";
import type { Listener } from "./listener";
import { Looks } from "./looks";
import { metricsOf } from "./metrics";
import { Moves } from "./moves";
import { renderPage } from "./page";
import { Picture, pictureOf } from "./picture";
import { STYLE_SOURCE } from "./style";

/** After these lines the machines are not as they were. */
const NEWS = ["flipped", "partial", "moved", "changed", "back"];

/** Sees what a watcher does, from its first line on, and shows it once there is a view. */
export class Observer implements Onlooker {
  private readonly moves = new Moves();
  private readonly started = Date.now();
  private looks?: Looks;

  constructor(
    private readonly listener: Listener,
    private readonly session: Session,
    private readonly version: string,
  ) {}

  onLine: Onlooker["onLine"] = (line, at) => {
    this.moves.onLine(line, at);
    if (NEWS.includes(line.event)) this.looks?.again();
  };

  onState: Onlooker["onState"] = (state, at) => {
    if (this.moves.onState(state, at)) this.looks?.again();
  };

  /** Begins to look at the machines and to answer. */
  start(watcher: Pick<Watcher, "view">): void {
    const { session } = this;
    const looks = new Looks({
      look: () => gather(watcher.view().farm, session.id, session.folder),
      isCalm: () => isCalm(watcher.view()),
    });
    this.looks = looks;
    this.moves.remember(watcher.view().state.flips);
    const picture = (): Picture =>
      pictureOf(watcher.view(), {
        ...{ stack: session.id, version: this.version, now: Date.now(), started: this.started },
        ...{ moves: this.moves.last, counts: this.moves.counts, failures: this.moves.failures },
        ...{ status: looks.status, lookFailure: looks.failure },
      });
    looks.start();
    this.listener.show({
      page: () => renderPage(picture()),
      metrics: () => exposition(metricsOf(picture())),
      styleSource: STYLE_SOURCE,
    });
  }

  async stop(): Promise<void> {
    this.looks?.stop();
    await this.listener.close();
  }
}

/** No flip is being made, and of no active server a verdict is due in the next rounds. */
function isCalm({ state }: ReturnType<Watcher["view"]>): boolean {
  const { fall } = state.policy;
  const names = active(state);
  const counters = Object.values(state.routers).flatMap(({ servers }) => names.map((name) => servers[name]));
  return (
    state.acting === undefined &&
    counters.every((own) => own === undefined || own.falls === 0 || own.falls >= fall)
  );
}
