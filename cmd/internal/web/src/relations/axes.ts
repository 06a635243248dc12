// The keys that can be an axis, and their values. No DOM.

import { visible } from "../parts/format";
import type { RunTable } from "../table/columns";
import { bindField } from "../table/field";
import { newField, writeKey } from "../table/key";
import { readValues, type Values } from "./values";

/** The groups of keys in their order, each with its keys. */
export interface KeyGroup {
  title: string;
  keys: string[];
}

const attributes = ["duration", "started", "status", "experiment", "group", "author", "source.branch", "machine.host"];

export function keyGroups(t: RunTable): KeyGroup[] {
  const h = t.head;
  const differing = new Set(h.differing);
  const params = [...h.differing, ...h.params.filter((p) => !differing.has(p))];
  const metrics = h.metrics.map((m) => m.key);
  const primary = metrics.includes(h.primary) ? [h.primary] : [];
  return [
    { title: "Metrics", keys: [...primary, ...metrics.filter((m) => m !== h.primary)].map((k) => "metrics." + k) },
    { title: "Params", keys: params.map((k) => "params." + k) },
    { title: "Summary", keys: h.summary.map((k) => "summary." + k) },
    { title: "Attributes", keys: attributes.map((k) => "attributes." + k) },
    { title: "Tags", keys: h.tags.map((k) => "tags." + k) },
  ].filter((g) => g.keys.length > 0);
}

/** A key without its prefix, and with its goal if it is a metric. */
export function titleOf(t: RunTable, key: string): string {
  const [prefix, name] = split(key);
  if (prefix !== "metrics.") return name;
  const m = t.head.metrics.find((one) => one.key === name);
  return m?.best ? `${name} (${m.best})` : name;
}

/** The goal of a metric, or an empty text. */
export function goalOf(t: RunTable, key: string): "" | "min" | "max" {
  const [prefix, name] = split(key);
  const goal = prefix === "metrics." ? (t.head.metrics.find((m) => m.key === name)?.goal ?? "") : "";
  return goal === "min" || goal === "max" ? goal : "";
}

/** A key as an expression must write it. An attribute needs its prefix only if something else has its name. */
export function expressionKey(t: RunTable, key: string): string {
  const [prefix, name] = split(key);
  if (prefix !== "attributes.") return writeKey(prefix, name);
  const { metrics, summary, params, tags } = t.head;
  const taken = metrics.some((m) => m.key === name) || [summary, params, tags].some((list) => list.includes(name));
  return taken ? key : name;
}

function split(key: string): [string, string] {
  const dot = key.indexOf(".") + 1;
  return [key.slice(0, dot), key.slice(dot)];
}

/** Reads the values of keys for some rows, each key once. */
export class Axes {
  private readonly known = new Map<string, Values>();

  constructor(
    readonly table: RunTable,
    readonly rows: Int32Array,
  ) {}

  values(key: string): Values {
    let v = this.known.get(key);
    if (!v) this.known.set(key, (v = readValues(key, bindField(newField(key), this.table), this.rows)));
    return v;
  }

  name(i: number): string {
    return visible(this.table.section("attributes", "name")?.text(this.rows[i]) ?? "") || this.id(i);
  }

  id(i: number): string {
    return this.table.ids[this.rows[i]];
  }
}

/** The axes that are shown unless a reader chooses: the params that tell runs apart, and then the primary metric. */
export function usualAxes(t: RunTable, most = 7): string[] {
  const params = t.head.differing.slice(0, most).map((k) => "params." + k);
  const metric = firstMetric(t);
  return [...params, ...(metric ? [metric] : [])];
}

/** The key of the primary metric, otherwise of the first one, or undefined. */
export function firstMetric(t: RunTable): string | undefined {
  const key = t.head.metrics.some((m) => m.key === t.head.primary) ? t.head.primary : t.head.metrics[0]?.key;
  return key === undefined ? undefined : "metrics." + key;
}

/** What a scatter plot shows unless a reader chooses. */
export function usualPair(t: RunTable): { x: string; y: string } {
  const [param] = t.head.differing;
  return { x: param === undefined ? "attributes.started" : "params." + param, y: firstMetric(t) ?? "attributes.duration" };
}
