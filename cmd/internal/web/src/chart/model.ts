// What a chart shows, for drawing and saving it.

import { palette } from "./colour";
import { padded, type Span, xRange, yRange } from "./grid";
import type { Line, Look } from "./paint";
import type { Axes } from "./plot";
import type { AxisKind } from "./ticks";

/** From so many curves on, dashes do not tell them apart, and a chart offers their mean. */
export const manyCurves = 30;

export interface ChartModel {
  title: string;
  metric: string;
  axis: string;
  lines: Line[];
  /** What the buckets of the answer reach. */
  span?: Span;
  zoom?: Span;
  logX?: boolean;
  logY?: boolean;
  outliers?: boolean;
  dark: boolean;
}

/** The axes of a chart: what they reach, and of which kind x is. */
export function axesOf(m: ChartModel): Axes {
  const curves = m.lines.map((l) => l.curve);
  const logX = !!m.logX && m.axis !== "time";
  const logY = !!m.logY;
  const x = m.zoom ?? (m.span && !(logX && m.span[0] <= 0) ? m.span : xRange(curves, logX));
  const all = [...curves, ...m.lines.flatMap((l) => l.raw ?? [])];
  let y = yRange(all, m.zoom, logY, m.outliers !== false);
  for (const { band: b } of m.lines) {
    if (!b || !y) continue;
    const inside = (list: Float64Array) => list.filter((v, i) => (!x || (b.x[i] >= x[0] && b.x[i] <= x[1])) && !(logY && v <= 0));
    y = [Math.min(y[0], ...inside(b.low)), Math.max(y[1], ...inside(b.high))];
  }
  const kind: AxisKind = m.axis === "time" ? "time" : m.axis === "relative" ? "duration" : "number";
  return {
    x: x ? (x[0] < x[1] ? x : padded(x, logX)) : logX ? [1, 10] : [0, 1],
    y: y ? padded(y, logY) : logY ? [0.1, 1] : [0, 1],
    kind,
    logX,
    logY,
  };
}

export function lookOf(m: ChartModel): Look {
  return { hues: palette(m.dark), span: m.zoom, logY: !!m.logY, dashed: m.lines.length <= manyCurves };
}
