/** What a room's components bring to machines, as far as host/ must know it: the room's manifest. */
export interface RoleManifest {
  /** Names its instances on the machines. */
  name: string;
  /** Which files a look reads besides those of every role, from the instance's folder on the machine. Anybody may read them. */
  readable: readonly string[];
}
