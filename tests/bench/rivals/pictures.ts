/** Bars with the least and the most of several runs, as SVG. */
import * as echarts from "echarts";
import { Times } from "../times";

export interface Chart {
  title: string;
  /** What the axis says. */
  axis: string;
  /** A group of bars for each. */
  groups: string[];
  /** A bar in each group: one figure for each group, undefined for none. */
  series: { name: string; figures: (Times | undefined)[] }[];
}

/** Told apart by people who see few colours, too (Okabe and Ito). */
const COLORS = ["#0072b2", "#e69f00", "#9a6fb0", "#009e73", "#d55e00", "#999999"];
const [INK, LINES, PAPER] = ["#24292f", "#d0d7de", "#ffffff"];
const FONT = "system-ui, sans-serif";
const [BAR, PITCH] = [14, 18];
/** A letter's width: without a screen echarts can only guess, and guesses too little. */
const LETTER = 6.8;

/** On paper of its own, so that it can be read on a dark page as well. */
export function barChart({ title, axis, groups, series }: Chart): string {
  const top = series.length > 1 ? 72 : 44;
  const chart = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: 900,
    height: top + 50 + groups.length * (series.length * PITCH + 14),
  });
  const text = { color: INK, fontFamily: FONT };
  chart.setOption({
    animation: false,
    backgroundColor: PAPER,
    color: COLORS,
    title: { text: title, left: 16, top: 12, textStyle: { ...text, fontSize: 16 } },
    legend: { show: series.length > 1, top: 40, left: 16, itemGap: 28, textStyle: text },
    grid: { left: 24 + LETTER * Math.max(...groups.map(({ length }) => length)), right: 60, top, bottom: 50 },
    xAxis: {
      type: "value",
      min: 0,
      name: axis,
      nameLocation: "middle",
      nameGap: 26,
      nameTextStyle: text,
      axisLabel: text,
      splitLine: { lineStyle: { color: LINES } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: groups,
      axisLabel: text,
      axisLine: { lineStyle: { color: INK } },
      axisTick: { show: false },
    },
    series: series.map(({ name, figures }, i) => ({
      type: "custom",
      name,
      data: figures.flatMap((it, group) => (it ? [[it.median, group, it.min, it.max]] : [])),
      encode: { x: [0, 2, 3], y: 1 },
      renderItem: bar((i - (series.length - 1) / 2) * PITCH, COLORS[i % COLORS.length]),
    })),
  } as echarts.EChartsOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

const shown = (value: number): string =>
  Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);

/** A bar, so far from its group's middle, a line from the least to the most, and the figure beside it. */
function bar(offset: number, fill: string): echarts.CustomSeriesRenderItem {
  return (_, api) => {
    const [median, group, min, max] = [0, 1, 2, 3].map((i) => Number(api.value(i)));
    const x = (value: number): number => api.coord([value, group])[0];
    const y = api.coord([0, group])[1] + offset;
    const line = (x1: number, y1: number, x2: number, y2: number): object => ({
      type: "line",
      shape: { x1, y1, x2, y2 },
      style: { stroke: INK, lineWidth: 1.5 },
    });
    const whisker =
      max > min
        ? [line(x(min), y, x(max), y), ...[x(min), x(max)].map((at) => line(at, y - 4, at, y + 4))]
        : [];
    return {
      type: "group",
      children: [
        {
          type: "rect",
          shape: { x: x(0), y: y - BAR / 2, width: x(median) - x(0), height: BAR },
          style: { fill },
        },
        ...whisker,
        {
          type: "text",
          x: x(max) + 7,
          y,
          style: { text: shown(median), fill: INK, fontFamily: FONT, fontSize: 12, verticalAlign: "middle" },
        },
      ],
    } as echarts.CustomSeriesRenderItemReturn;
  };
}
