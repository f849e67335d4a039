/** Those whose name has a part that `BENCH_ONLY` lists, separated by commas; all without it. Throws for a part of no name. */
export function only<T extends { name: string }>(all: T[]): T[] {
  const parts = (process.env.BENCH_ONLY ?? "").split(",");
  const nobodys = parts.find((part) => !all.some(({ name }) => name.includes(part)));
  if (nobodys !== undefined)
    throw new Error(
      `BENCH_ONLY: "${nobodys}" is part of no name; the names are ${all.map(({ name }) => name).join(", ")}`,
    );
  return all.filter(({ name }) => parts.some((part) => name.includes(part)));
}
