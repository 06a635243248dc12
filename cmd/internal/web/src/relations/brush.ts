// Brushes on axes, and the expression of 'ls -w' that means the same. No DOM.

import { writeValue } from "../table/key";
import { indexAt, nameOf, type Scale, valueAt } from "./scales";
import type { Values } from "./values";

/** A part of an axis that is selected: an interval of numbers, some categories, or the runs without a value. */
export type Brush =
  | { key: string; from: number; to: number }
  | { key: string; names: string[] }
  | { key: string; missing: true };

/** Returns the brush for the part of an axis between two places. Numbers are rounded outwards to four digits. */
export function brushBetween(key: string, s: Scale, a: number, b: number): Brush {
  const [low, high] = a < b ? [a, b] : [b, a];
  if (s.kind !== "category") return { key, from: rounded(valueAt(s, low), -1), to: rounded(valueAt(s, high), 1) };
  const half = s.names.length > 1 ? 0.5 / (s.names.length - 1) : 0.5;
  const names = s.names.filter((_, i) => {
    const place = s.names.length > 1 ? i / (s.names.length - 1) : 0.5;
    return place >= low - half / 2 && place <= high + half / 2;
  });
  return { key, names: names.length > 0 ? names : [s.names[indexAt(s, (low + high) / 2)]] };
}

/** Rounds a number to four significant digits, up or down. */
export function rounded(v: number, direction: 1 | -1): number {
  if (v === 0 || !Number.isFinite(v)) return v;
  const near = Number(v.toPrecision(4));
  if (direction > 0 ? near >= v : near <= v) return near;
  return Number((near + direction * 10 ** (Math.floor(Math.log10(Math.abs(v))) - 3)).toPrecision(4));
}

/** Reports for each row whether a brush selects it. */
export function brushed(b: Brush, v: Values): (row: number) => boolean {
  if ("missing" in b) return (row) => v.texts[row] === undefined && Number.isNaN(v.numbers[row]) && !v.nan.has(row);
  if ("names" in b) {
    const names = new Set(b.names);
    return (row) => {
      const name = nameOf(v, row);
      return name !== undefined && names.has(name);
    };
  }
  return (row) => v.numbers[row] >= b.from && v.numbers[row] <= b.to;
}

/** Writes brushes as an expression. write turns a key into what an expression may contain. */
export function expressionOf(brushes: readonly Brush[], write: (key: string) => string, time: (key: string) => boolean): string {
  return brushes.map((b) => part(b, write(b.key), time(b.key))).join(" and ");
}

function part(b: Brush, key: string, time: boolean): string {
  if ("missing" in b) return "not " + key;
  if ("names" in b) {
    const plain = b.names.filter((n) => !(n.includes("'") && n.includes('"')));
    const odd = b.names.filter((n) => n.includes("'") && n.includes('"'));
    const parts = odd.map((n) => `${key} ~ '^${escapeExpression(n)}$'`);
    if (plain.length === 1) parts.unshift(`${key} = ${literal(plain[0])}`);
    else if (plain.length > 1) parts.unshift(`${key} in (${plain.map(literal).join(", ")})`);
    return parts.length > 1 ? `(${parts.join(" or ")})` : parts[0];
  }
  const number = (v: number) => (time ? `'${new Date(v).toISOString()}'` : String(v));
  if (b.from === b.to) return `${key} = ${number(b.from)}`;
  return [
    b.from > -Infinity && `${key} >= ${number(b.from)}`,
    b.to < Infinity && `${key} <= ${number(b.to)}`,
  ].filter(Boolean).join(" and ");
}

/** A category as a literal: a number and the words for bools and null are bare, a text is quoted where it must be. */
function literal(name: string): string {
  return /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^(true|false|null)$/.test(name) ? name : writeValue(name);
}

const escapeExpression = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("'", "\\x27");

/** Reads brushes from the address of the page. What is not a brush is left out. */
export function readBrushes(text: string | null): Brush[] {
  let list: unknown;
  try {
    list = JSON.parse(text || "[]");
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((item): Brush[] => {
    if (!Array.isArray(item) || typeof item[0] !== "string") return [];
    const [key, ...rest] = item as [string, ...unknown[]];
    if (rest.length === 0) return [{ key, missing: true }];
    if (rest.length === 2 && rest.every((v) => v === null || typeof v === "number")) {
      return [{ key, from: (rest[0] as number | null) ?? -Infinity, to: (rest[1] as number | null) ?? Infinity }];
    }
    const names = rest[0];
    if (rest.length === 1 && Array.isArray(names) && names.every((n) => typeof n === "string")) return [{ key, names }];
    return [];
  });
}

/** Writes what readBrushes reads. */
export function writeBrushes(brushes: readonly Brush[]): string {
  if (brushes.length === 0) return "";
  const finite = (v: number) => (Number.isFinite(v) ? v : null);
  return JSON.stringify(
    brushes.map((b) => ("missing" in b ? [b.key] : "names" in b ? [b.key, b.names] : [b.key, finite(b.from), finite(b.to)])),
  );
}

/** Replaces or adds the brush of a key. Undefined removes it. */
export function withBrush(brushes: readonly Brush[], key: string, brush: Brush | undefined): Brush[] {
  const others = brushes.filter((b) => b.key !== key);
  return brush ? [...others, brush] : others;
}
