// What a chart computes from its curves: ranges, the nearest point, bands, lines. No DOM.

import { type Curve, curveId, type Curves } from "./decode";

export type Span = [from: number, to: number];

/** The index of the first item that is at least v. */
export function lowerBound(list: ArrayLike<number>, v: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (list[mid] < v) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** The cells from..to-1 of a curve that a span of x shows, with one more on each side, to which lines lead. */
export function cellsIn(c: Curve, span?: Span): Span {
  if (!span) return [0, c.x.length];
  let to = lowerBound(c.x, span[1]);
  while (to < c.x.length && c.x[to] <= span[1]) to++;
  return [Math.max(0, lowerBound(c.x, span[0]) - 1), Math.min(c.x.length, to + 1)];
}

/** The x of all curves. */
export function xRange(curves: Curve[], log: boolean): Span | undefined {
  let low = Infinity;
  let high = -Infinity;
  for (const c of curves) {
    const first = log ? lowerBound(c.x, Number.MIN_VALUE) : 0;
    if (first >= c.x.length) continue;
    low = Math.min(low, c.x[first]);
    high = Math.max(high, c.x[c.x.length - 1]);
  }
  return low <= high ? [low, high] : undefined;
}

/**
 * The finite y of the curves in a span of x. Without outliers, it is where nine tenths of the values are, and the
 * middle of each curve, so that none is hidden.
 */
export function yRange(curves: Curve[], span: Span | undefined, log: boolean, outliers: boolean): Span | undefined {
  let low = Infinity;
  let high = -Infinity;
  const ends: number[] = [];
  const middles: number[] = [];
  for (const c of curves) {
    const [from, to] = cellsIn(c, span);
    const own: number[] = [];
    for (let i = from; i < to; i++) {
      if (span && (c.x[i] < span[0] || c.x[i] > span[1]) && to - from > 2) continue;
      for (const v of c.many ? [c.min[i], c.max[i]] : [c.max[i]]) {
        if (!Number.isFinite(v) || (log && v <= 0)) continue;
        low = Math.min(low, v);
        high = Math.max(high, v);
        if (!outliers) own.push(v);
      }
    }
    if (own.length) {
      own.sort((a, b) => a - b);
      middles.push(own[own.length >> 1]);
      for (const v of own) ends.push(v);
    }
  }
  if (!outliers && ends.length) {
    ends.sort((a, b) => a - b);
    low = Math.min(ends[Math.floor((ends.length - 1) * 0.05)], ...middles);
    high = Math.max(ends[Math.ceil((ends.length - 1) * 0.95)], ...middles);
  }
  return low <= high ? [low, high] : undefined;
}

/** A range with room around it. */
export function padded([low, high]: Span, log: boolean, share = 0.05): Span {
  if (log) {
    const room = Math.max(Math.log(high / low) * share, low === high ? Math.log(2) : 0);
    const wide: Span = [low * Math.exp(-room), high * Math.exp(room)];
    return [Math.max(wide[0], Number.MIN_VALUE), Math.min(wide[1], Number.MAX_VALUE)];
  }
  const size = high - low;
  const most = Math.max(Math.abs(low), Math.abs(high));
  // Below this, the numbers on the axis could not be told apart.
  const room = size > most * 1e-13 ? (Number.isFinite(size) ? size * share : 0) : most * 0.05 || 1;
  return [Math.max(low - room, -Number.MAX_VALUE), Math.min(high + room, Number.MAX_VALUE)];
}

/** The cell whose x is nearest to x, or -1. */
export function nearestCell(c: Curve, x: number): number {
  const i = lowerBound(c.x, x);
  if (i >= c.x.length) return c.x.length - 1;
  return i > 0 && x - c.x[i - 1] < c.x[i] - x ? i - 1 : i;
}

/** The mean of several curves, and a band around it. */
export interface Band {
  x: Float64Array;
  mean: Float64Array;
  low: Float64Array;
  high: Float64Array;
  /** How many curves count. */
  n: Uint32Array;
}

export type BandKind = "std" | "stderr" | "minmax";

/**
 * The mean of curves at each place between their ends. A curve counts with the last finite value that it has at the
 * place or before it, so that curves with other steps have a mean too.
 */
export function band(curves: Curve[], places: Float64Array, kind: BandKind): Band {
  const ends = curves.map((c) => {
    let from = 0;
    let to = c.x.length - 1;
    while (from <= to && !Number.isFinite(c.max[from])) from++;
    while (to >= from && !Number.isFinite(c.max[to])) to--;
    return [from, to];
  });
  const at = ends.map(([from]) => from);
  const held = ends.map(() => NaN);
  const x: number[] = [];
  const mean: number[] = [];
  const low: number[] = [];
  const high: number[] = [];
  const count: number[] = [];
  for (const place of places) {
    let n = 0;
    let m = 0;
    let squares = 0;
    let least = Infinity;
    let most = -Infinity;
    for (let k = 0; k < curves.length; k++) {
      const c = curves[k];
      const [from, to] = ends[k];
      if (from > to || place < c.x[from] || place > c.x[to]) continue;
      while (at[k] <= to && c.x[at[k]] <= place) {
        const i = at[k]++;
        if (Number.isFinite(c.last[i])) held[k] = c.last[i];
        else if (Number.isFinite(c.max[i])) held[k] = c.max[i];
      }
      const v = held[k];
      n++;
      const d = v - m;
      m += d / n;
      squares += d * (v - m);
      least = Math.min(least, v);
      most = Math.max(most, v);
    }
    if (!n) continue;
    const std = n > 1 ? Math.sqrt(squares / (n - 1)) : 0;
    const half = kind === "stderr" ? std / Math.sqrt(n) : std;
    x.push(place);
    mean.push(m);
    low.push(kind === "minmax" ? least : m - half);
    high.push(kind === "minmax" ? most : m + half);
    count.push(n);
  }
  return {
    x: Float64Array.from(x),
    mean: Float64Array.from(mean),
    low: Float64Array.from(low),
    high: Float64Array.from(high),
    n: Uint32Array.from(count),
  };
}

/** What a line is drawn with: a path of a canvas, or text. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  /** A point that no line leads to. */
  dot(x: number, y: number): void;
}

/**
 * Draws the cells of a curve. In each column of pixels, it reaches the least and the greatest value, so that no spike is
 * lost. Where all values of a cell are not finite, the line has a gap.
 */
export function trace(pen: Pen, c: Curve, span: Span | undefined, toX: (x: number) => number, toY: (y: number) => number, log: boolean): void {
  const [from, to] = cellsIn(c, span);
  let down = false;
  let alone = false; // the line has one point so far
  let y = 0; // where the pen is
  let x = 0;
  let column = NaN;
  let low = NaN;
  let high = NaN;
  let last = NaN;
  const end = () => {
    if (down && alone) pen.dot(x, y);
    down = false;
  };
  const flush = () => {
    if (Number.isNaN(column)) return;
    const a = toY(low);
    const b = toY(high);
    const ends = a === b ? [a] : !down || Math.abs(a - y) <= Math.abs(b - y) ? [a, b] : [b, a];
    const at = column;
    for (const v of ends) {
      if (down) pen.lineTo(at, v);
      else pen.moveTo(at, v);
      alone = !down;
      down = true;
      y = v;
    }
    const l = toY(last);
    if (l !== y) {
      pen.lineTo(at, l);
      alone = false;
      y = l;
    }
    x = at;
    column = NaN;
  };
  for (let i = from; i < to; i++) {
    let least = c.min[i];
    const most = c.max[i];
    let v = c.last[i];
    if (log && least <= 0) least = v > 0 ? Math.min(v, most) : most;
    if (!Number.isFinite(most) || (log && most <= 0)) {
      flush();
      end();
      continue;
    }
    if (!Number.isFinite(v) || (log && v <= 0)) v = most;
    const px = toX(c.x[i]);
    if (Math.round(px) === Math.round(column)) {
      low = Math.min(low, least);
      high = Math.max(high, most);
      last = v;
      continue;
    }
    flush();
    column = px;
    low = least;
    high = most;
    last = v;
  }
  flush();
  end();
}

/** Adds new points to curves: what the answer to "after" has. Returns undefined if the curves must be read again. */
export function append(curves: Curves, more: Curves): Curves | undefined {
  if (more.x !== curves.x) return undefined;
  const added = new Map(more.curves.map((c) => [curveId(c), c]));
  const known = new Set(curves.curves.map(curveId));
  if (more.curves.some((c) => !known.has(curveId(c)))) return undefined; // the first point with its labels
  const list = curves.curves.map((c) => {
    const a = added.get(curveId(c));
    if (!a) return c;
    if (a.error || a.before !== c.all || a.lost !== c.lost) return undefined;
    if (a.x.length === 0) return { ...c, active: a.active, all: a.all };
    return joined(c, a);
  });
  if (list.some((c) => !c)) return undefined;
  const places = union(curves.places, more.places);
  if (places.length > 3 * 4096) return undefined;
  const all = (list as Curve[]).map((c) => {
    const at = new Uint32Array(c.x.length);
    let k = 0;
    for (let i = 0; i < at.length; i++) {
      while (places[k] < c.x[i]) k++;
      at[i] = k;
    }
    return { ...c, at };
  });
  const last = places[places.length - 1];
  const span = curves.span && ([curves.span[0], Math.max(curves.span[1], last)] as Span);
  return { ...curves, exact: curves.exact && more.exact, places, span, curves: all };
}

function joined(c: Curve, a: Curve): Curve {
  const both = (x: Float64Array, y: Float64Array) => {
    const list = new Float64Array(x.length + y.length);
    list.set(x);
    list.set(y, x.length);
    return list;
  };
  // A bucket may end behind its last point. The points that follow are drawn where they are.
  const x = both(c.x, a.x);
  if (c.x.length && c.x[c.x.length - 1] >= a.x[0]) x[c.x.length - 1] = c.xs[c.x.length - 1];
  const marks = a.marks.map((m) => ({ ...m, cell: m.cell + c.x.length }));
  return {
    ...c,
    active: a.active,
    many: c.many || a.many,
    all: a.all,
    points: c.points + a.points,
    nan: c.nan + a.nan,
    inf: c.inf + a.inf,
    low: c.low + a.low,
    x,
    last: both(c.last, a.last),
    min: both(c.min, a.min),
    max: both(c.max, a.max),
    steps: both(c.steps, a.steps),
    xs: both(c.xs, a.xs),
    times: c.times && a.times ? both(c.times, a.times) : undefined,
    marks: [...c.marks, ...marks],
  };
}

/** The union of two increasing lists. */
export function union(a: Float64Array, b: Float64Array): Float64Array {
  const all = new Float64Array(a.length + b.length);
  let n = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const v = j >= b.length || a[i] <= b[j] ? a[i] : b[j];
    if (a[i] === v) i++;
    if (b[j] === v) j++;
    all[n++] = v;
  }
  return all.slice(0, n);
}
