// Which rows a reader asked for: filtered, sorted, grouped. No DOM.

import type { RunTable } from "./columns";
import { type Expr, ExpressionError, bindExpression, checkOrder, eachKey, parseExpression } from "./expression";
import { type Group, Summarizer, groupRows, sortGroups } from "./group";
import { writeValue } from "./key";
import { missingKey } from "./missing";
import { sortRows } from "./sort";

/** What a reader chose. */
export interface Choice {
  where: string;
  /** An experiment, "" for all, or noExperiment. */
  experiment: string;
  statuses: string[];
  sort: string;
  group: string[];
}

/** The choice of the runs that have no experiment. */
export const noExperiment = "-";

/** Returns a choice as an expression, which a command line takes. */
export function whereOf(c: Choice): string {
  const parts: string[] = [];
  if (c.experiment === noExperiment) parts.push("not attributes.experiment");
  else if (c.experiment) parts.push("attributes.experiment = " + writeValue(c.experiment));
  if (c.statuses.length === 1) parts.push("attributes.status = " + c.statuses[0]);
  else if (c.statuses.length) parts.push("attributes.status in (" + c.statuses.join(", ") + ")");
  if (!c.where.trim()) return parts.join(" and ");
  const own = parts.length && /\b(or)\b|\|\|/i.test(c.where) ? "(" + c.where.trim() + ")" : c.where.trim();
  return [...parts, own].join(" and ");
}

/** The rows that match a choice, newest first. It throws an ExpressionError. */
export function filterRows(t: RunTable, c: Choice, now: Date): Int32Array {
  let rows = t.newest;
  const experiment = t.section("attributes", "experiment");
  if (c.experiment) {
    const wanted = c.experiment === noExperiment ? "" : c.experiment;
    rows = rows.filter((row) => (experiment?.text(row) ?? "") === wanted);
  }
  if (c.statuses.length) {
    const status = t.section("attributes", "status");
    rows = rows.filter((row) => c.statuses.includes(status?.text(row) ?? ""));
  }
  if (!c.where.trim()) return rows;
  const e = parseExpression(c.where);
  checkKeys(e, t);
  checkOrder(e, t);
  return rows.filter(bindExpression(e, t, now));
}

/** Says which key of an expression no run has, or nothing. */
export function warningOf(t: RunTable, where: string): string {
  try {
    return where.trim() ? missingKey(parseExpression(where), t) : "";
  } catch {
    return ""; // the error is shown instead
  }
}

/** Throws if the table lacks a key of the expression only because it has no room for it. */
function checkKeys(e: Expr, t: RunTable): void {
  eachKey(e, (f) => {
    const keys = f.scope ? [f.key] : ["metrics.", "summary.", "params.", "tags."].map((prefix) => prefix + f.name);
    const left = keys.find((key) => t.head.leftOutKeys.includes(key)) ?? t.left.find((p) => p && f.name.startsWith(p));
    if (left) throw new ExpressionError(`the page has no room for ${f.key}; 'runs ls -w' finds it`, 0, 0);
  });
}

/** What the table shows: rows, or groups. */
export interface Shown {
  rows: Int32Array;
  groups?: Group[];
  sums?: Summarizer;
}

/** Sorts and groups rows. */
export function arrange(t: RunTable, rows: Int32Array, c: Choice): Shown {
  if (!c.group.length) return { rows: c.sort ? sortRows(t, rows, c.sort) : rows };
  const sums = new Summarizer(t, rows);
  const groups = groupRows(t, rows, c.group);
  return { rows, groups: c.sort ? sortGroups(t, groups, rows, sums, c.sort) : groups, sums };
}
