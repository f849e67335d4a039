/** Several runs of one thing, in seconds. */
export interface Times {
  median: number;
  min: number;
  max: number;
}

export function times(seconds: number[]): Times {
  const sorted = [...seconds].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted[sorted.length - 1] };
}
