// Completes keys and values of an expression. No DOM.

import { type RunTable, textsOf } from "./columns";
import { bindField } from "./field";
import { newField, writeKey, writeValue } from "./key";
import { Kind, textOf } from "./value";

export interface Completion {
  label: string;
  insert: string;
  note: string;
}

export interface Completions {
  /** The part of the expression that a completion replaces. */
  from: number;
  to: number;
  list: Completion[];
}

const most = 40;
const operators = ["=", "!=", "<", "<=", ">", ">=", "~", "!~", "in ("];

const attributes = [
  "status", "name", "experiment", "started", "ended", "duration", "author", "group", "note", "id", "key", "exit_code", "signal",
  "end_reason", "command", "host", "branch", "commit", "dirty", "python", "os", "parent", "resumes", "reproduces",
];

/** Returns what can stand at a place of an expression. */
export function complete(t: RunTable, src: string, caret: number): Completions | undefined {
  const before = src.slice(0, caret);
  if (/^[^'"`]*(?:(['"`])[^'"`]*\1[^'"`]*)*['"][^'"]*$/.test(before) && !/[.]["']$/.test(before)) {
    return quotedValue(t, before, caret);
  }
  const word = /[^\s(),=!<>~&|]*$/.exec(before)![0];
  const from = caret - word.length;
  const rest = before.slice(0, from).trimEnd();
  const value = /([^\s(),=!<>~&|]+)\s*(==|=|!=|<=|>=|<|>)\s*$/.exec(before.slice(0, from));
  const list = /([^\s(),=!<>~&|]+)\s+(?:not\s+)?in\s*\(([^()]*)$/i.exec(before.slice(0, from));
  if (value ?? list) return { from, to: caret, list: values(t, (value ?? list)![1], word) };
  if (/[~]$/.test(rest)) return undefined;
  const afterKey = /(?:^|[\s(&|])([^\s(),=!<>~&|]+)$/.exec(rest);
  if (afterKey && before.endsWith(" ") && !word && !/^(and|or|not|in)$/i.test(afterKey[1])) {
    const isCondition = /[=<>]\s*[^\s(),=!<>~&|]+$/.test(rest);
    const words = isCondition ? ["and ", "or "] : [...operators.map((o) => o + (o.endsWith("(") ? "" : " ")), "and ", "or "];
    return { from, to: caret, list: words.map((w) => ({ label: w.trim(), insert: w, note: "" })) };
  }
  if (/\)$/.test(rest) && before.endsWith(" ")) {
    return { from, to: caret, list: ["and ", "or "].map((w) => ({ label: w.trim(), insert: w, note: "" })) };
  }
  return { from, to: caret, list: keys(t, word) };
}

function quotedValue(t: RunTable, before: string, caret: number): Completions | undefined {
  const found = /([^\s(),=!<>~&|'"]+)\s*(?:==|=|!=|in\s*\([^()]*?)\s*(["'])([^'"]*)$/i.exec(before);
  if (!found) return undefined;
  const [, key, quote, typed] = found;
  const list = values(t, key, typed).map((o) => ({ ...o, insert: quote + o.label + quote }));
  return { from: caret - typed.length - 1, to: caret, list };
}

function keys(t: RunTable, typed: string): Completion[] {
  const { head } = t;
  const all: [prefix: string, name: string, note: string][] = [
    ...head.metrics.map((m): [string, string, string] => ["metrics.", m.key, m.best ? "best by " + m.best : "last value"]),
    ...head.params.map((key): [string, string, string] => ["params.", key, "param"]),
    ...attributes.map((key): [string, string, string] => ["", key, "attribute"]),
    ...head.tags.map((key): [string, string, string] => ["tags.", key, "tag"]),
    ...head.summary.map((key): [string, string, string] => ["summary.", key, "summary"]),
  ];
  const sought = typed.toLowerCase().replace(/`/g, "");
  const ranked: [rank: number, c: Completion][] = [];
  for (const [prefix, name, note] of all) {
    const whole = (prefix + name).toLowerCase();
    const at = whole.indexOf(sought);
    if (at < 0) continue;
    const rank = at === 0 || at === prefix.length ? 0 : /[./_-]/.test(whole[at - 1]) ? 1 : 2;
    ranked.push([rank, { label: prefix + name, insert: writeKey(prefix, name) + " ", note }]);
    if (ranked.length > 2000) break;
  }
  return ranked.sort((a, b) => a[0] - b[0]).slice(0, most).map(([, c]) => c);
}

function values(t: RunTable, key: string, typed: string): Completion[] {
  const f = newField(key.replaceAll("`", ""));
  const sought = typed.toLowerCase().replace(/^['"]/, "");
  const name = f.name;
  const column =
    t.section("params", name) ?? t.section("tags", name) ?? t.section("attributes", name) ?? t.section("summary", name);
  let texts = f.scope === "metrics" ? [] : textsOf(column);
  if (!texts.length && f.scope !== "metrics" && !t.section("metrics", name)) {
    const value = bindField(f, t);
    const seen = new Set<string>();
    for (const row of t.newest.subarray(0, 5000)) {
      const d = value(row);
      if (d && d.kind !== Kind.Time && d.kind !== Kind.Nested) seen.add(textOf(d));
      if (seen.size > most) break;
    }
    texts = [...seen].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  }
  if (/^(attributes\.)?(started|ended)$/.test(key)) texts = ["today", "yesterday", "'24h ago'", "'7d ago'", "'30d ago'"];
  return texts
    .filter((s) => s.toLowerCase().includes(sought))
    .slice(0, most)
    .map((s) => ({ label: s, insert: (/^'.*'$/.test(s) || isPlain(s) ? s : writeValue(s)) + " ", note: "" }));
}

const isPlain = (s: string) => /^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(s) || s === "true" || s === "false";
