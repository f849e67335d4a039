/** What a room's components bring to machines, as far as host/ must know it: the room's manifest. */
export interface RoleManifest {
  /** Names its instances on the machines. */
  name: string;
  /** Which files a look reads in addition to those of every role, from the instance's folder on the machine. They are world-readable. */
  readable: readonly string[];
  /** In each run, one machine is changed before the others: a change may stop its daemon. Default: all at once. */
  oneFirst?: boolean;
  /** What the operator does in the config about a machine of this role that is dead. Default: nothing. */
  ifDead?: (machine: string) => string;
}
