// The answers with curves, in the form that repo/view/curve.Encode describes. No DOM.

import { visible } from "../parts/format";

/** How many values of a cell are not finite. */
export interface Mark {
  cell: number;
  nan: number;
  pos: number;
  neg: number;
}

/** A curve: what it has in those places of the grid in which it has points. The arrays have one item for each cell. */
export interface Curve {
  run: string;
  metric: string;
  /** The labels that its points have, as canonical JSON and for people; "" if they have none. */
  labels: string;
  label: string;
  active: boolean;
  /** The run is not there at the moment: it may just have ended. */
  gone: boolean;
  error: string;
  /** Points of the whole curve, and how many were left out because their x is not on the axis. */
  all: number;
  lost: number;
  /** Points up to the place from which only new ones were asked for. */
  before: number;
  /** Points in the cells; of them, not finite ones, and finite ones that are not positive. */
  points: number;
  nan: number;
  inf: number;
  low: number;
  /** Whether a cell has several points. */
  many: boolean;
  at: Uint32Array;
  /** Where a cell is drawn. */
  x: Float64Array;
  /** The last value as it was recorded, and the least and the greatest finite one; NaN if there is none. */
  last: Float64Array;
  min: Float64Array;
  max: Float64Array;
  /** The step, the x and, if the answer has it, the time in s since 1970 of the last value. */
  steps: Float64Array;
  xs: Float64Array;
  times?: Float64Array;
  marks: Mark[];
}

/** What tells a curve from the others of an answer: its run and its labels. */
export function curveId(c: Pick<Curve, "run" | "labels">): string {
  return c.labels ? c.run + " " + c.labels : c.run;
}

/** The curves with the same text, by that text, in their order. */
export function groupCurves(curves: readonly Curve[], text: (c: Curve) => string = (c) => c.run): Map<string, Curve[]> {
  const groups = new Map<string, Curve[]>();
  for (const c of curves) {
    const group = groups.get(text(c));
    if (group) group.push(c);
    else groups.set(text(c), [c]);
  }
  return groups;
}

export interface Curves {
  metric: string;
  /** step, time, relative, or "metrics." and the metric that is the x axis. */
  x: string;
  /** No place is a bucket. */
  exact: boolean;
  places: Float64Array;
  /** What the places reach, if some are buckets. */
  span?: [from: number, to: number];
  curves: Curve[];
}

interface Line {
  run: string;
  metric?: string;
  labels?: string;
  label?: string;
  active?: boolean;
  gone?: boolean;
  error?: string;
  all: number;
  before: number;
  lost?: number;
  points: number;
  nan?: number;
  inf?: number;
  low?: number;
  cells: number;
  first: number;
  many?: boolean;
  steps?: boolean;
  xs?: boolean;
  times?: boolean;
  marks?: number;
}

interface Head {
  metric: string;
  x: string;
  exact: boolean;
  from: number;
  to: number;
  places: number;
  curves: Line[];
}

/** Reads an answer. */
export function decodeCurves(data: ArrayBuffer): Curves {
  const length = new DataView(data).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length))) as Head;
  let from = 8 + length;
  const floats = (n: number) => {
    const list = new Float64Array(data, from, n);
    from += 8 * n;
    return list;
  };
  const words = (n: number) => {
    const list = new Uint32Array(data, from, n);
    from += 8 * Math.ceil(n / 2);
    return list;
  };
  const places = floats(head.places);
  const curves = head.curves.map((line): Curve => {
    const n = line.cells;
    const at = line.first < 0 ? words(n) : Uint32Array.from({ length: n }, (_, i) => line.first + i);
    const x = line.first < 0 ? Float64Array.from(at, (i) => places[i]) : places.subarray(line.first, line.first + n);
    const last = floats(n);
    const min = line.many ? floats(n) : last.map((v) => (Number.isFinite(v) ? v : NaN));
    const max = line.many ? floats(n) : min;
    const steps = line.steps ? sums(floats(n)) : x;
    const xs = line.xs ? floats(n) : head.exact ? x : steps;
    const times = line.times ? sums(floats(n)) : undefined;
    const counts = words(4 * (line.marks ?? 0));
    const marks: Mark[] = [];
    for (let i = 0; i < counts.length; i += 4) {
      marks.push({ cell: counts[i], nan: counts[i + 1], pos: counts[i + 2], neg: counts[i + 3] });
    }
    return {
      run: line.run,
      metric: line.metric ?? head.metric,
      labels: line.labels ?? "",
      label: visible(line.label ?? ""),
      active: line.active ?? false,
      gone: line.gone ?? false,
      error: line.error ?? "",
      all: line.all,
      before: line.before,
      lost: line.lost ?? 0,
      points: line.points,
      nan: line.nan ?? 0,
      inf: line.inf ?? 0,
      low: line.low ?? 0,
      many: line.many ?? false,
      at,
      x,
      last,
      min,
      max,
      steps,
      xs,
      times,
      marks,
    };
  });
  return { metric: head.metric, x: head.x, exact: head.exact, places, span: head.from < head.to ? [head.from, head.to] : undefined, curves };
}

/** The running sums of a list. */
function sums(list: Float64Array): Float64Array {
  let sum = 0;
  return list.map((v) => (sum += v));
}
