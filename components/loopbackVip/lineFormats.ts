/** The lines of the file `bindings`: what a server binds on its loopback device. role.sh reads the same lines. */

/** One of them. */
export type Binding =
  /** This address alone. */
  | { kind: "address"; address: string }
  /** All addresses of the prefix, by a local route. */
  | { kind: "local"; prefix: string }
  /** Addresses of the prefix that are not bound: without this route, they bounce between the server and the router. */
  | { kind: "unreachable"; prefix: string };

export const bindingLine = (binding: Binding): string =>
  `${binding.kind} ${binding.kind === "address" ? binding.address : binding.prefix}`;
