/** Several runs of one thing, in seconds. */
export interface Times {
  median: number;
  min: number;
  max: number;
}

/** Median, and the least to the most. */
export const spread = ({ median, min, max }: Times, digits = 2): string =>
  `${median.toFixed(digits)} s (${min.toFixed(digits)} to ${max.toFixed(digits)})`;

export function times(seconds: number[]): Times {
  const sorted = [...seconds].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted[sorted.length - 1] };
}

/** Each in turn, so many rounds: what differs from minute to minute meets all of them. */
export async function inTurn<T>(
  rounds: number,
  all: T[],
  work: (one: T, round: number) => Promise<number>,
): Promise<Times[]> {
  const seconds: number[][] = all.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, one] of all.entries()) seconds[i].push(await work(one, round));
  return seconds.map(times);
}
