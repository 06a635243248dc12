// A comparison that the page makes itself from the table of runs, where nobody can be asked for it. No DOM.

import { shortID } from "../pages/run-data";
import { formatNumber } from "../parts/format";
import type { RunTable } from "../table/columns";
import { bindField } from "../table/field";
import { newField } from "../table/key";
import { type Datum, Kind, textOf } from "../table/value";
import type { Comparison, Level, MetricRow, Part, Problem, Row, Side, Verdict } from "./api";
import { where } from "./sides";

/** Compares runs in what the table has of them: metrics, params, summary, tags and some attributes. */
export function compareRows(t: RunTable, selectors: readonly string[]): Comparison {
  const rows: number[] = [];
  const sides: Side[] = [];
  const missing: Problem[] = [];
  for (const selector of selectors) {
    const row = findRow(t, selector);
    if (row === undefined) missing.push(unknown(selector));
    else {
      rows.push(row);
      sides.push(sideOf(t, row, selector));
    }
  }
  const goals = new Map(t.head.metrics.map((m) => [m.key, m.goal]));
  const keys = t.head.metrics.map((m) => m.key);
  keys.sort((a, b) => Number(b === t.head.primary) - Number(a === t.head.primary) || (a < b ? -1 : 1));
  const metrics = keys.map((key) => metricRow(t, key, goals.get(key) ?? "", rows)).filter((r) => r !== undefined);
  const part = (name: string, prefix: string, list: readonly string[]): Part => ({
    name, more: 0, rows: list.map((key) => rowOf(t, prefix + key, key, rows)).filter((r) => r !== undefined),
  });
  const parts = [
    part("params", "params.", t.head.params),
    part("summary", "summary.", t.head.summary),
    part("tags", "tags.", t.head.tags),
    part("command", "attributes.", ["command", "cwd", "status", "exit_code", "source.commit", "source.branch", "machine.host"]),
  ].filter((p) => p.rows.length > 0);
  return {
    command: sides.length === 2 ? "runs diff " + sides.map((s) => shortID(s.id)).join(" ") : "",
    sides, missing, primary: t.head.primary, metrics: { rows: metrics, more: 0 }, parts, pairs: [], partial: true,
  };
}

/** The row of a run by its id, its name, or the end of its id. The newest counts. */
function findRow(t: RunTable, selector: string): number | undefined {
  const row = t.row(selector);
  if (row !== undefined) return row;
  const names = t.section("attributes", "name");
  for (const r of t.newest) if (names?.text(r) === selector) return r;
  for (const r of t.newest) if (selector.length >= 4 && shortID(t.ids[r]).startsWith(selector)) return r;
  return undefined;
}

function unknown(selector: string): Problem {
  const group = selector.startsWith(where) || /^(group|best|last)\b|:/.test(selector);
  return {
    selector,
    message: `“${selector}” is not a run of this page`,
    hint: group ? "an export compares single runs; 'runs ui' and 'runs diff' also compare groups" : "give the name or the id of a run",
  };
}

function sideOf(t: RunTable, row: number, selector: string): Side {
  const name = t.section("attributes", "name")?.text(row) ?? "";
  const id = t.ids[row];
  return {
    selector, title: name || id, id, group: false, status: t.section("attributes", "status")?.text(row) ?? "",
    started: (t.section("attributes", "started")?.numbers[row] ?? 0) / 1000, count: 1, runs: [{ id, name, shown: true }], lost: "",
  };
}

/** The last values of a metric, as 'runs diff' compares them unless the settings choose others. */
function metricRow(t: RunTable, key: string, goal: string, rows: readonly number[]): MetricRow | undefined {
  const best = t.section("metrics", key);
  const last = t.section("last", key) ?? best;
  const count = t.section("count", key);
  const levels = rows.map((row): Level | null => {
    if (!best?.kinds[row]) return null;
    const value = last!.kinds[row] ? last!.numbers[row] : best.numbers[row];
    const n = Number.isFinite(value) ? 1 : 0;
    return { text: formatNumber(value), value, last: value, best: best.numbers[row], n, lost: "" };
  });
  if (levels.every((l) => l === null)) return undefined;
  const same = levels.every((l) => l !== null && Object.is(l.value, levels[0]!.value));
  const curve = rows.some((row) => best?.kinds[row] && count?.kinds[row] && count.numbers[row] > 1);
  return { key, goal, compared: key, same, curve, levels, verdicts: levels.slice(1).map((l) => change(levels[0], l)) };
}

/** How much a value differs. Whether that means anything, only 'runs' can tell. */
function change(a: Level | null, b: Level | null): Verdict | null {
  if (!a || !b) return null;
  const [x, y] = [a.value as number, b.value as number];
  const signed = (v: number, text: string) => (Number.isNaN(v) ? "" : (v > 0 ? "+" : "") + text);
  const share = x === 0 ? NaN : (y - x) / Math.abs(x);
  return {
    verdict: "", text: "", delta: signed(y - x, formatNumber(y - x)),
    relative: Number.isFinite(share) ? signed(share, Math.abs(share) >= 100 ? share.toFixed(0) + " x" : (100 * share).toFixed(1) + "%") : "",
    p: NaN, p_adjusted: NaN, interval: [], curve: "",
  };
}

function rowOf(t: RunTable, key: string, name: string, rows: readonly number[]): Row | undefined {
  const lookup = bindField(newField(key), t);
  const values = rows.map(lookup);
  if (values.every((d) => d === undefined)) return undefined;
  return { key: name, values: values.map((d) => (d ? shortened(textOf(d)) : null)), same: values.every((d) => equal(d, values[0])) };
}

function equal(a: Datum | undefined, b: Datum | undefined): boolean {
  if (!a || !b) return a === b;
  const number = (d: Datum) => d.kind === Kind.Int || d.kind === Kind.Float;
  if (number(a) && number(b)) return a.big === b.big && (a.n === b.n || (a.n !== a.n && b.n !== b.n));
  return a.kind === b.kind && textOf(a) === textOf(b);
}

function shortened(text: string): string {
  return text.length > 4000 ? text.slice(0, 4000) + "…" : text;
}
