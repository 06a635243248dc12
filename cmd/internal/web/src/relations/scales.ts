// Scales of axes: they turn values into places from 0 to 1 and back. No DOM.

import { tickLabels, ticks } from "../chart/ticks";
import { formatNumber } from "../parts/format";
import { extentOf, type Values } from "./values";

export type ScaleKind = "linear" | "log" | "category";

export interface Scale {
  kind: ScaleKind;
  /** Of a linear or log scale: the least and the greatest value. */
  low: number;
  high: number;
  /** Of a category scale: the texts in their order. */
  names: string[];
  /** The place of each row: 0 to 1, or NaN for a value that has none here. */
  places: Float32Array;
  /** Rows whose value has no place because it is not above zero. */
  below: number;
  time: boolean;
}

/** The scales that make sense for values: with a text, only categories do. */
export function scalesFor(v: Values): ScaleKind[] {
  if (v.texted > 0 || v.finite === 0) return ["category"];
  const range = extentOf(v)!;
  if (v.time) return ["linear"];
  return range[1] > 0 ? ["linear", "log", "category"] : ["linear", "category"];
}

/**
 * The scale that is taken unless a reader chooses: log for positive numbers that span two decades, or whose greatest
 * would press all others together.
 */
export function usualScale(v: Values): ScaleKind {
  const [first] = scalesFor(v);
  if (first === "category" || v.time) return first;
  const [low, high] = extentOf(v)!;
  if (low <= 0) return "linear";
  return high / low >= 100 || high / median(v) >= 10 ? "log" : "linear";
}

function median(v: Values): number {
  const sorted = v.numbers.filter((x) => Number.isFinite(x)).sort();
  return sorted[sorted.length >> 1];
}

export function makeScale(v: Values, kind: ScaleKind): Scale {
  if (!scalesFor(v).includes(kind)) kind = usualScale(v);
  const n = v.numbers.length;
  const s: Scale = { kind, low: 0, high: 1, names: [], places: new Float32Array(n), below: 0, time: v.time };
  if (kind === "category") {
    const names = categoriesOf(v);
    s.names = names;
    const at = new Map(names.map((name, i) => [name, i]));
    for (let i = 0; i < n; i++) s.places[i] = placeOfIndex(at.get(nameOf(v, i) ?? "") ?? NaN, names.length);
    return s;
  }
  const range = extentOf(v, kind === "log" ? 0 : -Infinity) ?? [1, 1];
  [s.low, s.high] = range[0] === range[1] ? widened(range[0], kind) : range;
  for (let i = 0; i < n; i++) {
    const x = v.numbers[i];
    s.places[i] = placeOf(s, x);
    if (kind === "log" && Number.isFinite(x) && x <= 0) s.below++;
  }
  return s;
}

function widened(v: number, kind: ScaleKind): [number, number] {
  if (kind === "log") return [v / 2, v * 2];
  const room = Math.abs(v) / 10 || 1;
  return [v - room, v + room];
}

const placeOfIndex = (i: number, n: number) => (n === 1 ? i + 0.5 : i / (n - 1));

/** The place of a number, which may lie outside of 0 to 1. NaN if it has none. */
export function placeOf(s: Scale, v: number): number {
  if (!Number.isFinite(v)) return NaN;
  if (s.kind !== "log") return (v - s.low) / (s.high - s.low);
  return v > 0 ? Math.log(v / s.low) / Math.log(s.high / s.low) : NaN;
}

/** The number at a place of a linear or log scale. */
export function valueAt(s: Scale, place: number): number {
  return s.kind === "log" ? s.low * (s.high / s.low) ** place : s.low + place * (s.high - s.low);
}

/** The index of the category that is nearest to a place. */
export function indexAt(s: Scale, place: number): number {
  const n = s.names.length;
  return Math.max(0, Math.min(n - 1, Math.round(n === 1 ? 0 : place * (n - 1))));
}

/** The place of a category. */
export function placeOfName(s: Scale, name: string): number {
  const i = s.names.indexOf(name);
  return i < 0 ? NaN : placeOfIndex(i, s.names.length);
}

/** The text of a row as a category, or undefined for a missing value. */
export function nameOf(v: Values, row: number): string | undefined {
  const x = v.numbers[row];
  return v.texts[row] ?? (Number.isFinite(x) ? String(x) : undefined);
}

/** The distinct values as texts: numbers in their order, then the others by their bytes. */
function categoriesOf(v: Values): string[] {
  const numbers = new Set<number>();
  const texts = new Set<string>();
  for (let i = 0; i < v.numbers.length; i++) {
    const t = v.texts[i];
    if (t !== undefined) texts.add(t);
    else if (Number.isFinite(v.numbers[i])) numbers.add(v.numbers[i]);
  }
  const names = [...numbers].sort((a, b) => a - b).map(String);
  const all = names.concat([...texts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
  return [...new Set(all)];
}

export interface Tick {
  place: number;
  text: string;
}

/** The ticks of a scale, about n of them. */
export function ticksOf(s: Scale, n: number): Tick[] {
  if (s.kind === "category") {
    const every = Math.max(1, Math.ceil(s.names.length / Math.max(1, n)));
    return s.names.flatMap((text, i) => (i % every === 0 ? [{ place: placeOfIndex(i, s.names.length), text }] : []));
  }
  if (s.time) {
    const list = ticks("time", s.low / 1000, s.high / 1000, n, false);
    const texts = tickLabels("time", list);
    return list.map((v, i) => ({ place: placeOf(s, v * 1000), text: texts[i] }));
  }
  return ticks("number", s.low, s.high, n, s.kind === "log").map((v) => ({ place: placeOf(s, v), text: formatNumber(v) }));
}
