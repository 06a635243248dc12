// Groups rows by keys or into replicates, as 'runs ls --group-by' does.

import type { RunTable } from "./columns";
import { bindField, goalOf, metricName } from "./field";
import { bareKey, newField } from "./key";
import { cutDirection, descending, sortRows } from "./sort";
import { type Datum, Kind, canonicalOf, isNumber, textOf } from "./value";

/** The key that groups replicates: runs that are equal but for the seed. */
export const byReplicates = "replicates";

/** What sums up the numbers of a key. */
export interface Summary {
  /** Runs with a number that counts. */
  n: number;
  /** Runs that do not count. */
  lost: number;
  mean: number;
  /** Standard deviation of the sample, with n-1; NaN below two runs. */
  sd: number;
  /** By the goal of the metric, otherwise the largest. */
  best: number;
  bestRow: number;
}

/** A set of rows that have values in common, or that are replicates. */
export interface Group {
  label: string;
  /** The values of the keys; undefined for rows without one. For replicates, there are none. */
  values: (Datum | undefined)[];
  /** Newest first. */
  rows: Int32Array;
}

/** Groups rows, which must be in the order of table.newest. The group with the newest row comes first. */
export function groupRows(t: RunTable, rows: Int32Array, keys: string[]): Group[] {
  const replicates = keys.length === 1 && keys[0] === byReplicates;
  const groups = new Map<string, { label: string; values: (Datum | undefined)[]; rows: number[] }>();
  const fields = replicates ? [] : keys.map((key) => bindField(newField(key), t));
  const equal = replicates ? t.section("groups", "replicate") : undefined;
  const reproduces = replicates ? t.section("attributes", "reproduces") : undefined;
  for (const row of rows) {
    if (reproduces?.kinds[row]) continue;
    const values = fields.map((of) => of(row));
    const id = replicates ? (equal?.text(row) ?? "") : values.map((d) => (d ? "=" + canonicalOf(d) : "") + "|").join("");
    let group = groups.get(id);
    if (!group) groups.set(id, (group = { label: "", values, rows: [] }));
    group.rows.push(row);
  }
  const list = [...groups.values()].map((g) => ({ ...g, rows: Int32Array.from(g.rows) }));
  if (replicates) labelReplicates(t, list);
  else for (const g of list) g.label = labelOf(keys, g.values);
  return list;
}

function labelOf(keys: string[], values: (Datum | undefined)[]): string {
  return values
    .map((d, i) => (keys.length > 1 ? bareKey(keys[i]) + "=" : "") + (d ? textOf(simplest(d)) : "-"))
    .join(" ");
}

/** Turns a float with an integer value into an integer. */
function simplest(d: Datum): Datum {
  if (d.kind !== Kind.Float || !Number.isInteger(d.n) || Math.abs(d.n) >= 2 ** 63) return d;
  const big = BigInt(d.n);
  return { kind: Kind.Int, n: d.n, s: "", big: Number.isSafeInteger(d.n) ? undefined : big };
}

function labelReplicates(t: RunTable, groups: Group[]): void {
  const firsts = groups.map((g) => g.rows[0]);
  const keys = differingParams(t, firsts).filter((key) => !t.head.seeds.includes(key));
  const names = t.section("attributes", "name");
  for (const g of groups) {
    const parts = keys.flatMap((key) => {
      const d = t.section("params", key)?.at(g.rows[0]);
      return d ? [key + "=" + textOf(simplest(d))] : [];
    });
    g.label = parts.join(" ") || names?.text(g.rows[0]) || t.ids[g.rows[0]].slice(16);
  }
}

/** Returns the params that differ among rows, sorted. One that only some rows have counts as different. */
export function differingParams(t: RunTable, rows: ArrayLike<number>): string[] {
  return t.head.params.filter((key) => {
    const column = t.section("params", key);
    if (!column) return false;
    const first = column.at(rows[0]);
    const canonical = first && canonicalOf(first);
    let has = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (!column.kinds[row]) {
        if (has) return true;
        continue;
      }
      if (has < i) return true;
      has++;
      const same =
        column.kinds[row] === column.kinds[rows[0]] && column.numbers[row] === column.numbers[rows[0]];
      if (!same && canonicalOf(column.at(row)!) !== canonical) return true;
    }
    return false;
  });
}

/** The rows of a group that finished, and those that did not and were not repeated. */
interface Members {
  finished: number[];
  lost: number[];
}

function membersOf(t: RunTable, rows: Int32Array): Members {
  const status = t.section("attributes", "status");
  const started = t.section("attributes", "started");
  const params = t.section("groups", "params");
  const seeded = t.section("groups", "seed");
  const finished: number[] = [];
  const lost: number[] = [];
  for (const row of rows) (status?.text(row) === "finished" ? finished : lost).push(row);
  if (!lost.length) return { finished, lost };
  const repeated = new Map<string, number>();
  for (const row of finished) {
    const key = params?.text(row) ?? "";
    repeated.set(key, Math.max(repeated.get(key) ?? 0, started?.numbers[row] ?? 0));
  }
  const isRepeated = (row: number) =>
    (repeated.get(params?.text(row) ?? "") ?? 0) > (started?.numbers[row] ?? 0) && Boolean(seeded?.kinds[row]);
  return { finished, lost: lost.filter((row) => !isRepeated(row)) };
}

/** Sums up keys over groups. The rows that do not count are those that diff.LossOf names. */
export class Summarizer {
  private readonly members = new Map<Group, Members>();

  constructor(
    private readonly t: RunTable,
    private readonly all: Int32Array,
  ) {}

  /** Returns a function that sums up a key over the rows of a group that count. */
  of(key: string): (g: Group) => Summary {
    const { t } = this;
    const f = newField(key);
    const value = bindField(f, t);
    const metric = metricName(f, t, this.all);
    const last = metric ? t.section("last", metric) : undefined;
    const sum = metric ? t.section("summary", metric) : undefined;
    const lastOf = (row: number): number | undefined => {
      if (last?.kinds[row]) return last.numbers[row];
      const d = sum?.at(row);
      return d && isNumber(d) ? d.n : undefined;
    };
    return (g) => {
      let members = this.members.get(g);
      if (!members) this.members.set(g, (members = membersOf(t, g.rows)));
      const { finished, lost } = members;
      const has = (row: number) => lastOf(row) !== undefined;
      if (metric && !finished.some(has) && !lost.some(has)) return { ...nothing };
      const counted = metric ? finished.filter((row) => Number.isFinite(lastOf(row))) : finished;
      const goal = goalOf(f, t, counted);
      const s = { ...nothing, lost: finished.length - counted.length + lost.length };
      let squares = 0; // Welford's method, Technometrics 4 (1962)
      for (const row of counted) {
        const d = value(row);
        if (!d || !isNumber(d) || !Number.isFinite(d.n)) continue;
        const delta = d.n - s.mean;
        s.n++;
        s.mean += delta / s.n;
        squares += delta * (d.n - s.mean);
        if (s.n === 1 || (goal === "min" ? d.n < s.best : d.n > s.best)) {
          s.best = d.n;
          s.bestRow = row;
        }
      }
      if (s.n > 1) s.sd = Math.sqrt(squares / (s.n - 1));
      return s;
    };
  }
}

const nothing: Summary = { n: 0, lost: 0, mean: 0, sd: NaN, best: 0, bestRow: -1 };

/**
 * Sorts groups by KEY[:asc|:desc]: by the mean of the key. Groups without a number come after the others, by the value of
 * their newest row.
 */
export function sortGroups(t: RunTable, groups: Group[], all: Int32Array, sums: Summarizer, spec: string): Group[] {
  const summary = sums.of(cutDirection(spec).key);
  const sign = descending(t, all, spec) ? -1 : 1;
  const rank = new Map<number, number>();
  const newest = new Set(groups.map((g) => g.rows[0]));
  sortRows(t, t.newest.filter((row) => newest.has(row)), spec).forEach((row, i) => rank.set(row, i));
  const places = new Map(groups.map((g) => {
    const s = summary(g);
    return [g, { mean: s.n > 0 ? sign * s.mean : Infinity, rank: rank.get(g.rows[0])! }];
  }));
  return [...groups].sort((a, b) => {
    const x = places.get(a)!;
    const y = places.get(b)!;
    return x.mean === y.mean ? x.rank - y.rank : x.mean - y.mean;
  });
}

/** Returns the text of what the rows of a group have for a key that is no metric: its values, each once. */
export function valuesOf(t: RunTable, key: string): (g: Group) => Datum[] {
  const value = bindField(newField(key), t);
  return (g) => {
    const seen = new Map<string, Datum>();
    for (const row of g.rows) {
      const d = value(row);
      if (d) seen.set(canonicalOf(d), seen.get(canonicalOf(d)) ?? d);
    }
    return [...seen.values()];
  };
}
