// The values that an expression compares keys with: numbers, lists, times, durations.

import { readQuoted } from "./key";
import { type Datum, Kind, canonicalOf, compareNumbers, compareText, float, int, isNaNDatum, isNumber, nested, text } from "./value";

export interface Literal {
  text: string;
  quoted: boolean;
  number?: Datum;
  /** The canonical text of a list or table. */
  list?: string;
  isNull: boolean;
  when?: Moment;
}

export function newLiteral(s: string, quoted: boolean): Literal {
  const l: Literal = { text: s, quoted, isNull: false, when: parseMoment(s), number: parseNumber(s) };
  if (l.number || !s) return l;
  const v = parseValue(s.trim());
  if (v && isNumber(v)) l.number = v;
  else if (v?.kind === Kind.Nested) l.list = v.canonical;
  else l.isNull = v?.kind === Kind.Null && !quoted;
  return l;
}

const maxInt = 2n ** 63n;

function integer(s: string): Datum | undefined {
  const negative = s.startsWith("-");
  const v = BigInt(s.replace(/^[+-]/, "")) * (negative ? -1n : 1n);
  return v >= -maxInt && v < maxInt ? int(v) : undefined;
}

/** Reads a decimal number, nan or inf. */
export function parseNumber(s: string): Datum | undefined {
  if (/^[+-]?\d+$/.test(s)) return integer(s) ?? float(Number(s));
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(s)) {
    const v = Number(s);
    return Number.isFinite(v) ? float(v) : undefined;
  }
  if (/^nan$/i.test(s)) return float(NaN);
  const found = /^([+-]?)inf(inity)?$/i.exec(s);
  return found ? float(found[1] === "-" ? -Infinity : Infinity) : undefined;
}

/** Reads a value as on a command line: a number in another notation, null, a list or table. Others are undefined. */
function parseValue(s: string): Datum | undefined {
  if (s === "None" || s === "null") return { kind: Kind.Null, n: 0, s: "" };
  const special = /^([+-]?)(nan|NaN|NAN|inf|Inf|INF|Infinity|infinity)$/.exec(s);
  if (special) return float(/^n/i.test(special[2]) ? NaN : special[1] === "-" ? -Infinity : Infinity);
  if (/[\n\r]/.test(s) || !/^["'[{tf+\-.\d]/.test(s)) return undefined;
  const reader = new ValueReader(s);
  const v = reader.value(0);
  return v && reader.at === s.length ? v : undefined;
}

/** Reads a value of TOML on one line. */
class ValueReader {
  at = 0;
  private count = 0;

  constructor(private readonly s: string) {}

  value(depth: number): Datum | undefined {
    const { s } = this;
    if (depth > 16 || ++this.count > 10_000) return undefined;
    const c = s[this.at];
    if (c === "[") return this.list(depth);
    if (c === "{") return this.table(depth);
    if (c === '"' || c === "'") {
      const [content, end] = readQuoted(s, this.at);
      if (end > s.length) return undefined;
      this.at = end;
      return text(content);
    }
    const word = /^[^\s,\]}#]+/.exec(s.slice(this.at))?.[0] ?? "";
    this.at += word.length;
    return scalar(word);
  }

  private skip(): void {
    while (this.s[this.at] === " " || this.s[this.at] === "\t") this.at++;
  }

  private list(depth: number): Datum | undefined {
    const from = this.at++;
    const items: Datum[] = [];
    for (;;) {
      this.skip();
      if (this.s[this.at] === "]") break;
      const v = this.value(depth + 1);
      if (!v) return undefined;
      items.push(v);
      this.skip();
      if (this.s[this.at] === ",") this.at++;
      else if (this.s[this.at] !== "]") return undefined;
    }
    this.at++;
    return nested(items, this.s.slice(from, this.at));
  }

  private table(depth: number): Datum | undefined {
    const from = this.at++;
    const table: NestedMap = new Map();
    this.skip();
    for (let first = true; this.s[this.at] !== "}"; first = false) {
      if (!first) {
        if (this.s[this.at++] !== ",") return undefined;
        this.skip();
      }
      const path = this.path();
      this.skip();
      if (!path || this.s[this.at++] !== "=") return undefined;
      this.skip();
      const v = this.value(depth + 1);
      if (!v || !put(table, path, v)) return undefined;
      this.skip();
    }
    this.at++;
    return nested(close(table), this.s.slice(from, this.at));
  }

  private path(): string[] | undefined {
    const path: string[] = [];
    for (;;) {
      const c = this.s[this.at];
      if (c === '"' || c === "'") {
        const [part, end] = readQuoted(this.s, this.at);
        path.push(part);
        this.at = end;
      } else {
        const part = /^[\w-]+/.exec(this.s.slice(this.at))?.[0];
        if (!part) return undefined;
        path.push(part);
        this.at += part.length;
      }
      if (this.s[this.at] !== ".") return path;
      this.at++;
    }
  }
}

type NestedMap = Map<string, Datum | NestedMap>;

function put(table: NestedMap, path: string[], v: Datum): boolean {
  for (const part of path.slice(0, -1)) {
    const next = table.get(part) ?? new Map();
    if (!(next instanceof Map)) return false;
    table.set(part, next);
    table = next;
  }
  const last = path[path.length - 1];
  if (table.has(last)) return false;
  table.set(last, v);
  return true;
}

function close(table: NestedMap): Map<string, Datum> {
  return new Map([...table].map(([key, v]) => [key, v instanceof Map ? nested(close(v), "") : v]));
}

function scalar(word: string): Datum | undefined {
  if (word === "true" || word === "false") return { kind: Kind.Bool, n: word === "true" ? 1 : 0, s: "" };
  const special = /^([+-]?)(nan|inf)$/.exec(word);
  if (special) return float(special[2] === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity);
  if (/^0(x[\da-fA-F]+(_[\da-fA-F]+)*|o[0-7]+(_[0-7]+)*|b[01]+(_[01]+)*)$/.test(word)) {
    return integer(String(BigInt(word.replaceAll("_", ""))));
  }
  const plain = word.replace(/(?<=\d)_(?=\d)/g, "");
  if (/^[+-]?(0|[1-9]\d*)$/.test(plain)) return integer(plain);
  if (/^[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(plain)) return float(Number(plain));
  return undefined;
}

/** Returns a value as a number, if it is one, or a text that spells one and the literal is a number without quotes. */
function asNumber(l: Literal, d: Datum): Datum | undefined {
  if (isNumber(d)) return d;
  return d.kind === Kind.Text && !l.quoted && l.number ? parseNumber(d.s) : undefined;
}

export function equals(l: Literal, d: Datum, now: Date): boolean {
  const n = l.number && asNumber(l, d);
  if (n) {
    if (isNaNDatum(n) || isNaNDatum(l.number!)) return isNaNDatum(n) && isNaNDatum(l.number!);
    return compareNumbers(n, l.number!) === 0;
  }
  switch (d.kind) {
    case Kind.Text:
      return d.s === l.text && (l.quoted || !l.number);
    case Kind.Bool:
      return l.text.toLowerCase() === (d.n ? "true" : "false");
    case Kind.Time:
      return compare(l, d, now) === 0;
    case Kind.Null:
      return l.isNull;
    case Kind.Nested:
      return l.list !== undefined && l.list === canonicalOf(d);
  }
  return false;
}

/** Compares a value with the literal. It returns undefined if they have no order. */
export function compare(l: Literal, d: Datum, now: Date): number | undefined {
  const n = l.number && asNumber(l, d);
  if (n) return isNaNDatum(n) || isNaNDatum(l.number!) ? undefined : compareNumbers(n, l.number!);
  if (d.kind === Kind.Text) return l.quoted || !l.number ? compareText(d.s, l.text) : undefined;
  if (d.kind === Kind.Time && l.when) {
    const [from, to] = spanOf(l.when, now);
    return d.n < from ? -1 : d.n < to ? 0 : 1;
  }
  return undefined;
}

/** A time in an expression: a duration ago, a day counted from today, or a period of the calendar. */
export interface Moment {
  /** In µs. */
  ago?: number;
  /** Counted from today; -1 is yesterday. */
  days?: number;
  /** The start of the period: in µs since 1970 UTC or, if local, in the zone of the reader. */
  at?: number;
  parts?: number[];
  fraction?: number;
  /** The length of the period in µs. */
  unit?: number;
}

const second = 1e6;
const day = 86_400 * second;

/** Returns the period that a moment means, in µs since 1970 UTC. Its end is not part of it. */
function spanOf(m: Moment, now: Date): [from: number, to: number] {
  if (m.ago !== undefined) {
    const from = now.getTime() * 1e3 - m.ago;
    return [from, from + 1];
  }
  if (m.days !== undefined) {
    const midnight = (n: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + n).getTime() * 1e3;
    return [midnight(m.days), midnight(m.days + 1)];
  }
  if (!m.parts) return [m.at!, m.at! + m.unit!];
  const [y, mo, d, h, min, s] = m.parts;
  const start = (date: number) => new Date(y, mo - 1, date, h, min, s).getTime() * 1e3 + m.fraction!;
  return [start(d), m.unit === day ? start(d + 1) : start(d) + m.unit!];
}

const moment =
  /^(\d{4})-(\d\d)-(\d\d)(?:([T ])(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Reads a time. */
function parseMoment(text: string): Moment | undefined {
  const s = text.trim();
  if (s === "today") return { days: 0 };
  if (s === "yesterday") return { days: -1 };
  if (s.endsWith("ago")) {
    const span = parseSpan(s.slice(0, -3));
    return span === undefined ? undefined : { ago: span * second };
  }
  const found = moment.exec(s);
  if (!found) return undefined;
  const [, y, mo, d, between, h, min, sec, fraction, zone] = found;
  const parts = [y, mo, d, h ?? 0, min ?? 0, sec ?? 0].map(Number);
  const month = new Date(Date.UTC(2000, 0, 1));
  month.setUTCFullYear(parts[0], parts[1], 0);
  const inRange = parts[1] >= 1 && parts[1] <= 12 && parts[2] >= 1 && parts[2] <= month.getUTCDate() &&
    parts[3] < 24 && parts[4] < 60 && parts[5] < 60;
  if (!inRange || (zone && (between !== "T" || sec === undefined))) return undefined;
  const us = fraction ? Math.floor(Number("0." + fraction) * 1e6 + 1e-9) : 0;
  const unit = !between ? day : sec === undefined ? 60 * second : s.includes(".") ? 1 : second;
  if (!zone) return { parts, fraction: us, unit };
  const at = new Date(Date.UTC(2000, 0, 1, parts[3], parts[4], parts[5]));
  at.setUTCFullYear(parts[0], parts[1] - 1, parts[2]);
  const offset = zone === "Z" ? 0 : (zone[0] === "-" ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  return { at: (at.getTime() - offset * 60_000) * 1e3 + us, unit };
}

const goUnits: Record<string, number> = { ns: 1e-9, us: 1e-6, µs: 1e-6, μs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
const words: Record<string, number> = {
  "": 1, sec: 1, second: 1, m: 60, min: 60, minute: 60, h: 3600, hour: 3600, d: 86_400, day: 86_400,
  w: 604_800, week: 604_800, mo: 2_592_000, month: 2_592_000, y: 31_536_000, year: 31_536_000,
};
const maxSeconds = 2 ** 63 / 1e9;

/** Reads a duration like 90s, 2h, 3d, "2 hours" or 1h30m. It returns seconds. */
export function parseSpan(text: string): number | undefined {
  const s = text.trim();
  if (/^[+-]?0$/.test(s)) return 0;
  const parts = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(s);
  if (parts) {
    let sum = 0;
    for (const [, n, unit] of parts[2].matchAll(/([\d.]+)([a-zµμ]+)/g)) sum += Number(n) * goUnits[unit];
    if (sum <= maxSeconds) return parts[1] === "-" ? -sum : sum;
  }
  const found = /^([\d.]+)(.+)$/s.exec(s);
  const n = found && /^(\d+\.?\d*|\.\d+)$/.test(found[1]) ? Number(found[1]) : NaN;
  const unit = found?.[2].trim() ?? "";
  const seconds = words[unit.replace(/s$/, "")];
  if (!Number.isFinite(n) || !unit || seconds === undefined || n * seconds > maxSeconds / 2) return undefined;
  return n * seconds;
}
