import type { Placement } from "./placement";

/** Servers in the order in which a change that may end one tries it (ADR 25): those that answer, by how little they carry. */
export function firstServers(
  servers: string[],
  placements: Placement[],
  answers: (server: string) => boolean,
): string[] {
  const carried = (name: string): number => placements.filter(({ server }) => server === name).length;
  const burden = (name: string): number => carried(name) + (answers(name) ? 0 : placements.length + 1);
  return [...servers].sort((a, b) => burden(a) - burden(b));
}
