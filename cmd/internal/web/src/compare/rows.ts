// Which rows of a comparison are shown, and which side is best. No DOM.

import type { Float, MetricRow } from "./api";

export function toNumber(v: Float | null | undefined): number {
  return typeof v === "number" ? v : v === "Infinity" ? Infinity : v === "-Infinity" ? -Infinity : NaN;
}

/** The sides with the best value of a metric. None are if the metric has no goal or fewer than two sides have a value. */
export function bestSides(row: MetricRow): number[] {
  const values = row.levels.map((l) => (l && l.n > 0 ? toNumber(l.value) : NaN));
  const finite = values.filter((v) => Number.isFinite(v));
  if (!row.goal || finite.length < 2) return [];
  const best = row.goal === "min" ? Math.min(...finite) : Math.max(...finite);
  const sides = values.flatMap((v, i) => (v === best ? [i] : []));
  return sides.length === finite.length ? [] : sides;
}

/** The rows that differ, or all of them, whose key contains a text. */
export function shownRows<R extends { key: string; same: boolean }>(rows: readonly R[], all: boolean, text: string): R[] {
  const wanted = text.toLowerCase();
  return rows.filter((r) => (all || !r.same) && r.key.toLowerCase().includes(wanted));
}
