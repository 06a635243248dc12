// Keys of values: metrics.loss.min, params."odd key", or a bare name.

import { hidden, quote } from "./value";

/** A part of a key, between dots that are not in quotes. */
export interface KeyPart {
  text: string;
  quoted: boolean;
}

export type Scope = "" | "metrics" | "summary" | "params" | "tags" | "attributes";

const statistics = ["last", "best", "count", "min", "min_step", "max", "max_step"];

/** A parsed key. */
export interface Field {
  key: string;
  scope: Scope;
  name: string;
  /** The name without its quotes, if it has some. */
  plain: string;
  /** The parts of the name, if it is METRIC.SUFFIX. */
  base: string;
  suffix: string;
  /** The quotes say that the suffix is not part of the metric's name. */
  statistic: boolean;
}

export function newField(key: string): Field {
  const f: Field = { key, scope: "", name: key, plain: "", base: "", suffix: "", statistic: false };
  const dot = key.indexOf(".");
  const prefix = key.slice(0, Math.max(dot, 0));
  if (["metrics", "summary", "params", "tags", "attributes"].includes(prefix)) {
    f.scope = prefix as Scope;
    f.name = key.slice(dot + 1);
  }
  if (f.name.includes('"')) {
    const path = parseKeyPath(f.name);
    const plain = typeof path === "string" ? "" : path.join(".");
    if (plain !== f.name) f.plain = plain;
  }
  const last = f.name.lastIndexOf(".");
  const suffix = f.name.slice(last + 1);
  if (last >= 0 && statistics.includes(suffix)) {
    f.base = f.name.slice(0, last);
    f.suffix = suffix;
    if (f.plain) {
      f.statistic = f.base.endsWith('"');
      f.base = f.plain.slice(0, f.plain.length - suffix.length - 1);
    }
  }
  return f;
}

/** Reports whether a field means an attribute, unless a run has a metric, param or tag with its name. */
export const isAttribute = (f: Field, name: string) => f.name === name && (!f.scope || f.scope === "attributes");

/** Returns a key in one text. Quotes stay where they matter. */
export function joinKey(parts: KeyPart[]): string {
  if (parts.length === 1 && parts[0].quoted && newField(parts[0].text).scope) return parts[0].text;
  return parts
    .map((p, i) => (p.quoted && (i < parts.length - 1 || /[."]/.test(p.text)) ? quote(p.text) : p.text))
    .join(".");
}

const escapes: Record<string, string> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\x1b", '"': '"', "\\": "\\" };

/** Reads a quoted text of TOML at a place. It returns the text and where it ends. */
export function readQuoted(s: string, at: number): [text: string, end: number] {
  const q = s[at];
  let out = "";
  let i = at + 1;
  while (i < s.length && s[i] !== q) {
    if (q === '"' && s[i] === "\\") {
      const c = s[++i] ?? "";
      const n = c === "u" ? 4 : c === "U" ? 8 : c === "x" ? 2 : 0;
      if (n) {
        const code = parseInt(s.slice(i + 1, i + 1 + n), 16);
        out += code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
        i += n + 1;
      } else {
        out += escapes[c] ?? c;
        i++;
      }
      continue;
    }
    out += s[i++];
  }
  return [out, i + 1];
}

/** Splits a dotted key into its parts. It returns what is wrong with the key, as a text. */
export function parseKeyPath(key: string): string[] | string {
  const path: string[] = [];
  for (let i = 0; ; i++) {
    let part: string;
    if (key[i] === '"' || key[i] === "'") {
      [part, i] = readQuoted(key, i);
      if (i < key.length && key[i] !== ".") return `the key ${key} continues after its closing quote`;
    } else {
      let end = key.indexOf(".", i);
      if (end < 0) end = key.length;
      part = key.slice(i, end);
      i = end;
    }
    const wrong = checkName(part);
    if (wrong) return wrong;
    path.push(part);
    if (i >= key.length) break;
  }
  return path.length > maxDepth ? `the key ${key} is nested deeper than ${maxDepth} levels` : path;
}

const maxDepth = 16;
const maxKeyBytes = 250;

function checkName(key: string): string {
  if (!key) return "the key is empty";
  if (new TextEncoder().encode(key).length > maxKeyBytes) return `the key is longer than ${maxKeyBytes} bytes`;
  return hidden.test(key) ? `the key ${quote(key)} contains a control character` : "";
}

/** Returns what is wrong with a part of a key that is in quotes, or an empty text. */
export function checkKey(key: string): string {
  if (!key.includes('"')) return "";
  const path = parseKeyPath(key);
  return typeof path === "string" ? path : "";
}

/** Returns a key without its prefix. */
export const bareKey = (key: string) => key.replace(/^(params|metrics|summary)\./, "");

/** Returns a key as an expression must write it. */
export function writeKey(prefix: string, name: string): string {
  return prefix + (/^[^\s(),'"`=!<>~&|.]+(\.[^\s(),'"`=!<>~&|.]+)*$/.test(name) ? name : backquoted(name));
}

const backquoted = (s: string) => s.split("`").map((piece) => "`" + piece + "`").join('"`"');

/** Returns a text as an expression must write it. A text with both kinds of quotes cannot be written. */
export function writeValue(s: string): string {
  if (/^[A-Za-z_][\w./:@+-]*$/.test(s) && !/^(and|or|not|in|nan|inf|infinity|null|none|true|false)$/i.test(s)) return s;
  return s.includes("'") ? '"' + s + '"' : "'" + s + "'";
}
