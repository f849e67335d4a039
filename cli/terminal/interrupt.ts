/** Ctrl-C, or the end of a login: work in progress decides what happens; without any, the command ends at once. */
import { Exit } from "./exit";

const handlers: (() => void)[] = [];

/** @returns how to take it back */
export function onInterrupt(handler: () => void): () => void {
  handlers.push(handler);
  return () => void handlers.splice(handlers.indexOf(handler), 1);
}

/** For the whole program: exit handlers run, which a signal's default would skip. */
export function listenForInterrupts(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (handlers.length === 0) process.exit(Exit.Interrupted);
      for (const handler of [...handlers]) handler();
    });
  }
}
