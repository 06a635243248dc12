// The colors of runs by a value. No DOM.

import { makeScale, nameOf } from "./scales";
import type { Values } from "./values";

export interface Coloring {
  /** CSS colors. The last one is for rows without a value. */
  palette: string[];
  /** For each row, an index into palette. */
  of: Uint8Array;
  /** Of numbers: the least, the median and the greatest. The colors between them are by rank. */
  marks?: [number, number, number];
  time?: boolean;
  /** Of categories: the texts of the first colors; further ones share the color of "others". */
  names?: string[];
}

const steps = 24;
const missing = "#8a929c";

/** From blue over violet to orange: told apart by all kinds of color vision, and on light and dark. */
const stops = [
  [43, 108, 222],
  [121, 104, 201],
  [176, 94, 160],
  [214, 88, 110],
  [226, 110, 40],
];

/** The color at a place from 0 to 1. */
export function colorAt(place: number): string {
  const at = Math.max(0, Math.min(1, place)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  const mix = stops[i].map((a, k) => Math.round(a + (stops[i + 1][k] - a) * (at - i)));
  return `rgb(${mix.join(" ")})`;
}

/** Colors rows by values, those of texts by the hues. Without values, all have one color. */
export function colorBy(v: Values | undefined, rows: number, hues: readonly string[]): Coloring {
  if (!v) return { palette: ["", missing], of: new Uint8Array(rows) };
  if (v.texted > 0 || v.finite === 0) {
    const scale = makeScale(v, "category");
    const names = scale.names.slice(0, hues.length);
    const others = scale.names.length > names.length;
    const palette = [...names.map((_, i) => hues[i]), ...(others ? ["#5b6673"] : []), missing];
    const at = new Map(scale.names.map((n, i) => [n, Math.min(i, names.length)]));
    const of = new Uint8Array(rows);
    for (let i = 0; i < rows; i++) of[i] = at.get(nameOf(v, i) ?? "") ?? palette.length - 1;
    return { palette, of, names };
  }
  // By rank: one value far from the others would give them all one color.
  const sorted = v.numbers.filter((x) => Number.isFinite(x)).sort();
  const palette = Array.from({ length: steps }, (_, i) => colorAt(i / (steps - 1)));
  palette.push(missing);
  const of = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) of[i] = stepOf(sorted, v.numbers[i]);
  return { palette, of, marks: [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]], time: v.time };
}

/** The step of a value among sorted ones. Equal values have the same one. */
function stepOf(sorted: Float64Array, v: number): number {
  if (!Number.isFinite(v)) return steps;
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (sorted[mid] < v) low = mid + 1;
    else high = mid;
  }
  return sorted.length < 2 ? 0 : Math.round((low / (sorted.length - 1)) * (steps - 1));
}
