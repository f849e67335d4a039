import type { Placement } from "../network/placement";

/**
 * Servers in the order in which a change that may end one tries it (ADR 25): those that answer, by how little they carry. One
 * on which a change has failed comes first: it shows whether that is corrected, and another need not be lost for that.
 */
export function firstServers(
  servers: string[],
  placements: Placement[],
  answers: (server: string) => boolean,
  isInDoubt: (server: string) => boolean,
): string[] {
  const carried = (name: string): number => placements.filter(({ server }) => server === name).length;
  const burden = (name: string): number => {
    if (!answers(name)) return carried(name) + placements.length + 1;
    return isInDoubt(name) ? -1 : carried(name);
  };
  return [...servers].sort((a, b) => burden(a) - burden(b));
}
