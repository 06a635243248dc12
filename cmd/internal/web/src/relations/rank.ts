// How strongly params and a metric go together, by ranks. No DOM.

import type { Values } from "./values";

export interface Association {
  key: string;
  /** Spearman's rho for numbers, -1 to 1; NaN if it cannot be computed. */
  rho: number;
  /** For texts: the share of the variance of the metric's ranks that the groups explain, 0 to 1; otherwise NaN. */
  eta2: number;
  /** The runs that have both values. */
  n: number;
  /** The runs with the metric that lack the param. */
  missing: number;
  /** How many different values the param has among the n runs. */
  distinct: number;
}

/** How much of an association there is, whatever its direction: for sorting. */
export const strength = (a: Association) => (Number.isNaN(a.rho) ? (Number.isNaN(a.eta2) ? -1 : Math.sqrt(a.eta2)) : Math.abs(a.rho));

/** Relates a param to a metric. Infinite values of a metric count, as ranks can hold them; NaN does not. */
export function associate(param: Values, metric: Values): Association {
  const a: Association = { key: param.key, rho: NaN, eta2: NaN, n: 0, missing: 0, distinct: 0 };
  const texts = param.texted > 0;
  const rows: number[] = [];
  for (let i = 0; i < metric.numbers.length; i++) {
    if (Number.isNaN(metric.numbers[i])) continue;
    if (Number.isNaN(param.numbers[i]) && param.texts[i] === undefined) a.missing++;
    else rows.push(i);
  }
  a.n = rows.length;
  const y = ranks(rows.map((i) => metric.numbers[i]));
  if (texts) {
    const groups = rows.map((i) => param.texts[i] ?? "\0" + param.numbers[i]);
    a.distinct = new Set(groups).size;
    if (a.n >= 3 && a.distinct > 1 && a.distinct < a.n) a.eta2 = explained(groups, y);
    return a;
  }
  const x = rows.map((i) => param.numbers[i]);
  a.distinct = new Set(x).size;
  if (a.n >= 3 && a.distinct > 1) a.rho = pearson(ranks(x), y);
  return a;
}

/** The ranks of numbers, from 1. Equal numbers share the mean of their ranks. */
export function ranks(v: readonly number[]): Float64Array {
  const order = v.map((_, i) => i).sort((a, b) => (v[a] < v[b] ? -1 : v[a] > v[b] ? 1 : 0));
  const out = new Float64Array(v.length);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && v[order[j]] === v[order[i]]) j++;
    for (let k = i; k < j; k++) out[order[k]] = (i + 1 + j) / 2;
    i = j;
  }
  return out;
}

/** Pearson's correlation. NaN if one of the lists does not vary. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length;
  let [mx, my] = [0, 0];
  for (let i = 0; i < n; i++) {
    mx += x[i] / n;
    my += y[i] / n;
  }
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [x[i] - mx, y[i] - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : NaN;
}

function explained(groups: readonly string[], y: ArrayLike<number>): number {
  const of = new Map<string, { n: number; sum: number }>();
  let [mean, total] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    mean += y[i] / y.length;
    const g = of.get(groups[i]) ?? { n: 0, sum: 0 };
    of.set(groups[i], { n: g.n + 1, sum: g.sum + y[i] });
  }
  for (let i = 0; i < y.length; i++) total += (y[i] - mean) ** 2;
  let between = 0;
  for (const g of of.values()) between += g.n * (g.sum / g.n - mean) ** 2;
  return total > 0 ? Math.min(1, between / total) : NaN;
}
