// The columns of the table of runs: which there are, what they are called, how wide they are. No DOM.

import type { Column, RunTable } from "../table/columns";
import { type Lookup, bindField, goalOf, metricName } from "../table/field";
import { bareKey, newField } from "../table/key";
import { cutDirection } from "../table/sort";
import { type Datum, Kind, isNumber, textOf } from "../table/value";
import { formatDuration, formatNumber, formatTime, visible } from "../parts/format";

/** A column of the table. */
export interface ColumnSpec {
  /** The key of its values, or one of those that are no key of an expression: tags, note, status, started, duration. */
  key: string;
  title: string;
  /** min or max, if it is a metric with a goal; its values are best values then. */
  goal: string;
  metric: boolean;
  numeric: boolean;
  width: number;
  value: Lookup;
}

/** How many columns of differing params are shown if nothing is chosen, as by 'runs ls'. */
const maxParams = 6;

/** Returns the keys of the columns that are shown if none are chosen: that of the order is among them. */
export function usualColumns(t: RunTable, sort: string, grouped: boolean): string[] {
  const { head } = t;
  const of = ["status", "started", "duration"];
  const keys = grouped ? [] : of;
  if (head.primary) keys.push("metrics." + head.primary);
  const sorted = cutDirection(sort).key;
  const bare = (key: string) => bareKey(key).replace("attributes.", "");
  if (sorted && bare(sorted) !== "name" && ![...keys, ...of].some((key) => bare(key) === bare(sorted))) keys.push(sorted);
  if (head.experiments.length > 1) keys.push("experiment");
  const params = head.differing.slice(0, Math.min(head.telling, maxParams)).map((key) => "params." + key);
  keys.push(...params.filter((key) => bare(key) !== bare(sorted)));
  if (grouped) keys.push(...of);
  if (head.tags.length) keys.push("tags");
  if (t.section("attributes", "note")) keys.push("note");
  return keys;
}

/** Attributes that a reader can choose as columns, besides those that stand for themselves. */
const attributes = [
  "id", "author", "group", "key", "host", "branch", "dirty", "commit", "command", "exit_code", "signal", "end_reason",
  "ended", "parent", "resumes", "reproduces", "python", "part",
];

/** Returns the keys of all columns that a reader can choose, by what they are. */
export function allColumns(t: RunTable): [title: string, keys: string[]][] {
  const { head } = t;
  const sets: [string, string[]][] = [
    ["Run", ["status", "started", "duration", "experiment", "tags", "note"]],
    ["Metrics", head.metrics.map((m) => "metrics." + m.key)],
    ["Params", head.params.map((key) => "params." + key)],
    ["Summary", head.summary.map((key) => "summary." + key)],
    ["Tags", head.tags.map((key) => "tags." + key)],
    ["Attributes", attributes.map((key) => "attributes." + key)],
  ];
  return sets.filter(([, keys]) => keys.length);
}

const ofRun = ["status", "started", "duration", "experiment", "note"];

/** The key of a column in an expression, where a param may have the name of an attribute. */
export const wholeKey = (key: string) => (ofRun.includes(key) ? "attributes." + key : key);

/** Makes the column of a key. */
export function columnOf(t: RunTable, key: string): ColumnSpec {
  const f = newField(key);
  const attribute = ofRun.includes(key);
  const value = attribute ? t.attribute(key) : key === "tags" ? tagsOf(t) : bindField(f, t);
  const metric = !attribute && key !== "tags" && metricName(f, t, t.newest) !== "";
  const known = t.head.metrics.find((m) => m.key === f.name && (!f.scope || f.scope === "metrics"));
  const numeric = metric || key === "duration" || isNumeric(t, value);
  const title = titleOf(key);
  const goal = metric ? (known ? known.best || goalOf(f, t, t.newest) : goalOf(f, t, t.newest)) : "";
  return { key, title, goal, metric, numeric, value, width: widthOf(key, title, numeric, t, value) };
}

const titles: Record<string, string> = { status: "Status", started: "Started", duration: "Duration", experiment: "Experiment", tags: "Tags", note: "Note" };

const titleOf = (key: string) => (Object.hasOwn(titles, key) ? titles[key] : undefined) ?? bareKey(key).replace(/^(tags|attributes)\./, "");

/** Looks at some rows: a column of numbers is on the right. */
function isNumeric(t: RunTable, value: Lookup): boolean {
  let some = false;
  for (const row of t.newest.subarray(0, 200)) {
    const d = value(row);
    if (!d || d.kind === Kind.Null) continue;
    if (!isNumber(d)) return false;
    some = true;
  }
  return some;
}

function widthOf(key: string, title: string, numeric: boolean, t: RunTable, value: Lookup): number {
  switch (key) {
    case "status":
      return 108;
    case "started":
      return 96;
    case "duration":
      return 104;
    case "tags":
      return 150;
    case "note":
      return 220;
  }
  let longest = title.length + 3;
  for (const row of t.newest.subarray(0, 60)) {
    const d = value(row);
    if (d) longest = Math.max(longest, textOfCell(d).length);
  }
  return Math.round(Math.min(numeric ? 150 : 220, Math.max(64, longest * 7.2 + 22)));
}

function tagsOf(t: RunTable): Lookup {
  const columns = t.head.tags.map((key) => [key, t.section("tags", key)] as [string, Column | undefined]);
  return (row) => {
    const parts = columns.flatMap(([key, c]) => (c?.kinds[row] ? [key + "=" + c.text(row)] : []));
    return parts.length ? { kind: Kind.Text, n: 0, s: parts.join("  ") } : undefined;
  };
}

/** Returns a value as a cell shows it. */
export function textOfCell(d: Datum | undefined): string {
  if (!d) return "";
  if (d.kind === Kind.Float) return formatNumber(d.n);
  if (d.kind === Kind.Time) return formatTime(d.n / 1e3);
  return visible(textOf(d));
}

/** Returns a value of a column as text for people. */
export function textOfColumn(c: ColumnSpec, d: Datum | undefined): string {
  return d && c.key === "duration" ? formatDuration(d.n * 1e3) : textOfCell(d);
}

/** Returns all of a value, for CSV and tooltips. */
export const exactText = (d: Datum | undefined) =>
  !d ? "" : d.kind === Kind.Float && !Number.isNaN(d.n) && !Number.isFinite(d.n) ? (d.n > 0 ? "inf" : "-inf") : textOf(d);
