/** Whether a server carries traffic. */
export enum ServerState {
  /** It carries its share of the units. */
  Active = "active",
  /** It carries none; it is still reached and kept up to date. */
  Maintenance = "maintenance",
  /** It carries none, and is not connected to. */
  Down = "down",
}

/** What to do in the config about a server that is dead. */
export const setServerDown = (server: string): string =>
  `set servers.${server}.state to down and run pulumi up again`;

/** What is wrong with a state, as the rest of a sentence; undefined: nothing. A program in another language has it as text. */
export const stateIssue = (state: string): string | undefined =>
  (Object.values(ServerState) as string[]).includes(state)
    ? undefined
    : "is not known; use active, maintenance or down";
