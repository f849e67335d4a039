/** Who gets a share of units that can't be cut. */
export interface Taker {
  /** Its part, against the other takers': a positive whole number. */
  weight: number;
  /** Units that it has anyway and that count towards its share. Default: 0. */
  has?: number;
  /** Units that it could keep: of those who might get one unit more, who keeps one thereby comes first. Default: 0. */
  keeps?: number;
}

/**
 * How many of `count` units each taker gets: so that all fill up to one level by weight, those above it getting none,
 * and each ends less than one unit from that level. What the whole parts leave over goes by the largest remainder,
 * then by the order of the takers. Whole numbers only: the same on every machine.
 */
export function apportion(count: number, takers: Taker[]): number[] {
  // The level is (count + what they have) / (their weights), over those below it: the emptiest by weight.
  const emptiest = takers
    .map(({ weight, has = 0 }, i) => ({ i, weight, has }))
    .sort((a, b) => a.has * b.weight - b.has * a.weight || a.i - b.i);
  let units = count;
  let weights = 0;
  const filling = emptiest.filter(({ weight, has }) => {
    if (weights > 0 && has * weights >= units * weight) return false;
    units += has;
    weights += weight;
    return true;
  });

  const given = takers.map(() => 0);
  const rest = filling.map(({ i, weight, has }) => {
    const share = units * weight - has * weights;
    given[i] = Math.floor(share / weights);
    return { i, remainder: share % weights, keepsOne: (takers[i].keeps ?? 0) > given[i] };
  });
  const left = count - given.reduce((sum, part) => sum + part, 0);
  rest
    .filter(({ remainder }) => remainder > 0)
    .sort((a, b) => Number(b.keepsOne) - Number(a.keepsOne) || b.remainder - a.remainder || a.i - b.i)
    .slice(0, left)
    .forEach(({ i }) => given[i]++);
  return given;
}
