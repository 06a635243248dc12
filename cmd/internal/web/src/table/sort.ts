// Sorts rows as 'runs ls --sort' does.

import type { RunTable } from "./columns";
import { bindField, goalOf } from "./field";
import { newField } from "./key";
import { type Datum, Kind, compareNumbers, compareText, isNaNDatum, isNumber, textOf } from "./value";

const enum Class {
  Number,
  Text,
  NaN,
  Null,
  Missing,
}

function classOf(d: Datum | undefined): Class {
  if (!d) return Class.Missing;
  if (isNaNDatum(d)) return Class.NaN;
  if (d.kind === Kind.Null) return Class.Null;
  return isNumber(d) || d.kind === Kind.Time ? Class.Number : Class.Text;
}

/** Splits KEY[:asc|:desc]. */
export function cutDirection(spec: string): { key: string; direction: "" | "asc" | "desc" } {
  const found = /^(.*):(asc|desc)$/s.exec(spec);
  return found ? { key: found[1], direction: found[2] as "asc" | "desc" } : { key: spec, direction: "" };
}

/** Reports whether sorting by KEY[:asc|:desc] puts the largest value first. */
export function descending(t: RunTable, rows: ArrayLike<number>, spec: string): boolean {
  const { key, direction } = cutDirection(spec);
  return direction ? direction === "desc" : goalOf(newField(key), t, rows) === "max";
}

/**
 * Sorts rows, which must be in the order of table.newest, by KEY[:asc|:desc]. Without a direction, the best value of a
 * metric comes first. In both directions, numbers and times come before texts, NaN, nulls and rows without the key.
 */
export function sortRows(t: RunTable, rows: Int32Array, spec: string): Int32Array {
  const down = descending(t, rows, spec);
  const value = bindField(newField(cutDirection(spec).key), t);
  const n = rows.length;
  const classes = new Uint8Array(n);
  const numbers = new Float64Array(n);
  const data: (Datum | undefined)[] = new Array(n);
  const texts: string[] = [];
  let exact = true;
  for (let i = 0; i < n; i++) {
    const d = value(rows[i]);
    classes[i] = classOf(d);
    if (!d) continue;
    if (classes[i] === Class.Number) {
      numbers[i] = d.n;
      data[i] = d;
      exact &&= d.big === undefined;
    } else if (classes[i] === Class.Text) texts[i] = textOf(d);
  }
  const sign = down ? -1 : 1;
  const order = Int32Array.from({ length: n }, (_, i) => i);
  order.sort((a, b) => {
    const c = classes[a];
    if (c !== classes[b]) return c - classes[b];
    let by = 0;
    if (c === Class.Number) by = exact ? numbers[a] - numbers[b] : compareNumbers(data[a]!, data[b]!);
    else if (c === Class.Text) by = compareText(texts[a], texts[b]);
    // The difference of two infinities is NaN, and they are equal.
    return by ? sign * by : a - b;
  });
  return order.map((i) => rows[i]);
}
