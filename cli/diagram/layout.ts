/** Where things are in the picture, and their colours. Pure. */
import type { LineStyle } from "./elements";
import { Tone, Way } from "./scene";

export const WIDTH = 1240;
export const MARGIN = 24;

/** Columns, from left to right. */
export const LEFT = { x: MARGIN, width: 232 };
export const ROUTER = { x: 378, width: 340 };
export const SUBNET = { x: 756, width: 24 };
export const SERVER = { x: 876, width: 340 };

const GAP = 16;

/** Something and where it begins. */
export interface Placed<T> {
  item: T;
  y: number;
}

export const stackHeight = (heights: number[]): number =>
  heights.reduce((sum, height) => sum + height + GAP, -GAP);

/** One below the other, in the middle of a column. */
export function placed<T>(
  items: T[],
  heightOf: (item: T) => number,
  top: number,
  height: number,
): Placed<T>[] {
  let y = top + Math.max(0, (height - stackHeight(items.map(heightOf))) / 2);
  return items.map((item) => {
    const at = { item, y };
    y += heightOf(item) + GAP;
    return at;
  });
}

export const REQUESTS: LineStyle = { stroke: "#0969da", width: 2.5, arrow: true };

export const WAYS: Record<Way, LineStyle> = {
  [Way.Home]: REQUESTS,
  [Way.Away]: { stroke: "#bc4c00", width: 2.5, dashes: "9 5", arrow: true },
  [Way.Wrong]: { stroke: "#cf222e", width: 3.5, arrow: true },
  [Way.Config]: { stroke: "#6e7781", width: 2.5, dashes: "2 5", arrow: true },
};

/** Open connections that stay. */
export const STAYS: LineStyle = { stroke: "#8250df", width: 1.5, dashes: "4 4", arrow: true };

export const TONES: Record<Tone, { ink: string; ground: string }> = {
  [Tone.Good]: { ink: "#1a7f37", ground: "#dafbe1" },
  [Tone.Resting]: { ink: "#9a6700", ground: "#fff8c5" },
  [Tone.Bad]: { ink: "#cf222e", ground: "#ffebe9" },
};
