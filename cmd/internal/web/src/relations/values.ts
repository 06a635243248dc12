// The values of a key for all runs, as positions on an axis need them. No DOM.

import type { Lookup } from "../table/field";
import { Kind, textOf } from "../table/value";

export interface Values {
  key: string;
  /** Numbers, times in ms. NaN for a row without a number. */
  numbers: Float64Array;
  /** The text of each row whose value is not a number. */
  texts: (string | undefined)[];
  /** How many rows have a finite number, a text, neither, and a number that is not finite. */
  finite: number;
  texted: number;
  missing: number;
  infinite: number;
  time: boolean;
  /** The rows whose value is NaN. */
  nan: Set<number>;
}

/** Reads the values of rows. The result has one entry for each of them. */
export function readValues(key: string, lookup: Lookup, rows: ArrayLike<number>): Values {
  const n = rows.length;
  const v: Values = {
    key, numbers: new Float64Array(n).fill(NaN), texts: new Array(n), finite: 0, texted: 0, missing: 0, infinite: 0, time: false, nan: new Set(),
  };
  for (let i = 0; i < n; i++) {
    const d = lookup(rows[i]);
    if (!d) {
      v.missing++;
      continue;
    }
    if (d.kind === Kind.Int || d.kind === Kind.Float || d.kind === Kind.Time) {
      const x = d.kind === Kind.Time ? d.n / 1000 : d.n;
      v.time ||= d.kind === Kind.Time;
      v.numbers[i] = x;
      if (!Number.isFinite(x)) {
        v.infinite++;
        if (Number.isNaN(x)) v.nan.add(i);
        continue;
      }
      v.finite++;
      continue;
    }
    v.texts[i] = textOf(d);
    v.texted++;
  }
  return v;
}

/** The least and the greatest finite number of values, above a bound. */
export function extentOf(v: Values, above = -Infinity): [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (const x of v.numbers) {
    if (!Number.isFinite(x) || x <= above) continue;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return low <= high ? [low, high] : undefined;
}
