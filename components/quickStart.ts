/**
 * The SDK loads npm's tree reader for functions that are serialized into the state, which no component here does; it is
 * four fifths of the SDK's load time, and a failover waits for that. Once this is imported, and before the SDK is, that
 * reader is loaded only when something of it is asked for.
 */
import Module from "node:module";

const LATE = "@npmcli/arborist";

type Load = (this: unknown, request: string, ...rest: unknown[]) => Record<string | symbol, unknown>;
const loader = Module as unknown as { _load: Load };
const load = loader._load;

loader._load = function (request, ...rest) {
  if (request !== LATE) return load.call(this, request, ...rest);
  let module: Record<string | symbol, unknown> | undefined;
  return new Proxy(
    {},
    {
      // TypeScript's import helper would copy, so ask for, all members of what is no ES module.
      get: (_, name) => (name === "__esModule" ? true : (module ??= load.call(this, request, ...rest))[name]),
    },
  );
};
