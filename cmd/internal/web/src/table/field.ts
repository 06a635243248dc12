// Looks up the value of a key for each row, as query.Value does.

import type { Column, RunTable } from "./columns";
import type { Field } from "./key";
import { type Datum, Kind, float, int, isNumber } from "./value";

export type Lookup = (row: number) => Datum | undefined;

/** Returns the lookup of a field in a table. */
export function bindField(f: Field, t: RunTable): Lookup {
  switch (f.scope) {
    case "metrics":
      return metric(f, t);
    case "summary":
      return leaf(f, t, "summary");
    case "params":
      return leaf(f, t, "params");
    case "tags":
      return tag(f, t);
    case "attributes":
      return t.attribute(f.name);
  }
  const places = [metric(f, t), leaf(f, t, "summary"), leaf(f, t, "params"), tag(f, t), t.attribute(f.name)];
  return (row) => {
    for (const place of places) {
      const d = place(row);
      if (d) return d;
    }
    return undefined;
  };
}

function first(columns: (Column | undefined)[]): Lookup {
  const some = columns.filter((c) => c !== undefined);
  if (some.length === 0) return () => undefined;
  if (some.length === 1) return (row) => some[0].at(row);
  return (row) => {
    for (const c of some) if (c.kinds[row]) return c.at(row);
    return undefined;
  };
}

function leaf(f: Field, t: RunTable, section: "params" | "summary"): Lookup {
  const names = f.plain ? [f.name, f.plain] : [f.name];
  const isTable = (name: string) => section === "params" && t.head.params.some((key) => key.startsWith(name + "."));
  return first(
    names.flatMap((name) => [t.section(section, name), isTable(name) ? t.section("tables", name) : undefined]),
  );
}

function tag(f: Field, t: RunTable): Lookup {
  return first([t.section("tags", f.name), f.plain ? t.section("tags", f.plain) : undefined]);
}

function metric(f: Field, t: RunTable): Lookup {
  const names = f.plain ? [f.name, f.plain] : [f.name];
  const values = f.statistic ? [] : names.map((name) => t.section("metrics", name)).filter((c) => c !== undefined);
  const sums = f.statistic ? [] : names.map((name) => t.section("summary", name)).filter((c) => c !== undefined);
  const other = f.suffix && (f.statistic || !t.isNamed(f.plain || f.name)) ? statistic(f, t) : undefined;
  if (values.length === 1 && !sums.length && !other) {
    const [only] = values;
    return (row) => (only.kinds[row] ? float(only.numbers[row]) : undefined);
  }
  return (row) => {
    for (const c of values) if (c.kinds[row]) return c.at(row);
    for (const c of sums) {
      if (!c.kinds[row]) continue;
      const d = c.at(row)!;
      if (isNumber(d)) return d;
      break;
    }
    return other?.(row);
  };
}

/** Returns the lookup of METRIC.SUFFIX. */
function statistic(f: Field, t: RunTable): Lookup {
  const value = t.section("metrics", f.base);
  const sum = t.section("summary", f.base);
  const fromSummary = sum && !f.suffix.endsWith("_step") && f.suffix !== "count" ? sum : undefined;
  let of: Lookup = () => undefined;
  if (value && f.suffix === "best") of = (row) => value.at(row);
  else if (value) {
    const column = t.section(f.suffix as "last", f.base);
    const last = t.section("last", f.base);
    const count = t.section("count", f.base);
    of = (row) => {
      const d = column?.at(row);
      if (d || f.suffix.endsWith("_step")) return d;
      const points = count?.kinds[row] ? count.numbers[row] : 1;
      if (f.suffix === "count") return int(points);
      // The record of a metric with one point has no extremes, because the point is both of them.
      return points === 1 ? last?.at(row) : undefined;
    };
  }
  return (row) => {
    if (value?.kinds[row]) return of(row);
    const d = fromSummary?.at(row);
    return d && isNumber(d) ? d : undefined;
  };
}

/** Returns a function that reports whether a row has a metric, or undefined if no row has it. */
function hasMetric(t: RunTable, name: string): ((row: number) => boolean) | undefined {
  const metrics = name ? t.section("metrics", name) : undefined;
  const sums = name ? t.section("summary", name) : undefined;
  if (!metrics && !sums) return undefined;
  return (row) => {
    const kind = sums?.kinds[row];
    return Boolean(metrics?.kinds[row]) || kind === Kind.Int || kind === Kind.Float;
  };
}

/** Returns the goal of the metric that a field refers to, in the first of the rows that has it, or an empty text. */
export function goalOf(f: Field, t: RunTable, rows: ArrayLike<number>): string {
  if (f.scope && f.scope !== "metrics") return "";
  const name = f.plain || f.name;
  const whole = f.statistic ? undefined : hasMetric(t, name);
  const base = ["last", "best", "min", "max"].includes(f.suffix) ? hasMetric(t, f.base) : undefined;
  if (!whole && !base) return "";
  for (let i = 0; i < rows.length; i++) {
    if (whole?.(rows[i])) return t.goal(name, rows[i]);
    if (base?.(rows[i])) return t.goal(f.base, rows[i]);
  }
  return "";
}

/** Returns the name of the metric that a key refers to in the first row that has it, or an empty text. */
export function metricName(f: Field, t: RunTable, rows: ArrayLike<number>): string {
  if (f.scope && f.scope !== "metrics") return "";
  const names = [f.plain || f.name, f.base].map((name) => [name, hasMetric(t, name)] as const).filter(([, has]) => has);
  if (!names.length) return "";
  for (let i = 0; i < rows.length; i++) {
    for (const [name, has] of names) if (has!(rows[i])) return name;
  }
  return "";
}
