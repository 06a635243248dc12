// The values of a run, as expressions, sorting and groups use them. Their rules are those of repo/query.

export const enum Kind {
  Missing,
  Text,
  Int,
  Float,
  Bool,
  Time,
  Null,
  Nested,
}

/** A value of a run. */
export interface Datum {
  kind: Kind;
  /** Of a number; of a bool, 0 or 1; of a time, in µs since 1970 UTC. */
  n: number;
  /** Of a text, and the text of a list or table. */
  s: string;
  /** An integer that a number does not hold exactly. */
  big?: bigint;
  /** A list or table: a text that is the same for equal values. */
  canonical?: string;
  /** The elements of a list. */
  items?: Datum[];
}

/** A value as an answer encodes it, with its kind: see appendTagged in repo/view. */
export type Tagged = [string, ...unknown[]];

export const text = (s: string): Datum => ({ kind: Kind.Text, n: 0, s });
export const float = (n: number): Datum => ({ kind: Kind.Float, n, s: "" });
export const time = (n: number): Datum => ({ kind: Kind.Time, n, s: "" });

export function int(v: bigint | number): Datum {
  if (typeof v === "number") return { kind: Kind.Int, n: v, s: "" };
  const n = Number(v);
  return { kind: Kind.Int, n, s: "", big: Number.isSafeInteger(n) ? undefined : v };
}

export const isNumber = (d: Datum) => d.kind === Kind.Int || d.kind === Kind.Float;
export const isNaNDatum = (d: Datum) => d.kind === Kind.Float && d.n !== d.n;

/** Reads a float of an answer. */
export function readFloat(v: unknown): number {
  return typeof v === "number" ? v : v === "nan" ? NaN : v === "inf" ? Infinity : -Infinity;
}

/** Reads an integer of an answer. */
export function readInt(v: unknown): Datum {
  return int(typeof v === "number" ? v : BigInt(v as string));
}

export function readTagged(t: Tagged): Datum {
  switch (t[0]) {
    case "f":
      return float(readFloat(t[1]));
    case "i":
      return readInt(t[1]);
    case "b":
      return { kind: Kind.Bool, n: t[1] ? 1 : 0, s: "" };
    case "d":
      return time(t[1] as number);
    case "n":
      return { kind: Kind.Null, n: 0, s: "" };
    case "l":
      return nested((t[1] as Tagged[]).map(readTagged), t[2] as string);
    case "o": {
      const table = new Map<string, Datum>();
      for (const [key, v] of Object.entries(t[1] as Record<string, Tagged>)) table.set(key, readTagged(v));
      return nested(table, t[2] as string);
    }
  }
  return text(t[1] as string);
}

/** Makes the value of a list or table. */
export function nested(v: Datum[] | Map<string, Datum>, shown: string): Datum {
  const canonical = Array.isArray(v)
    ? "[" + v.map(canonicalOf).join("") + "]"
    : "{" + [...v.keys()].sort(compareText).map((key) => quoted(key) + canonicalOf(v.get(key)!)).join("") + "}";
  return { kind: Kind.Nested, n: 0, s: shown, canonical, items: Array.isArray(v) ? v : undefined };
}

const quoted = (s: string) => s.length + ":" + s;

/** Returns a text that is the same for two values if and only if they are equal: 1 equals 1.0, and NaN equals NaN. */
export function canonicalOf(d: Datum): string {
  switch (d.kind) {
    case Kind.Text:
      return "s" + quoted(d.s);
    case Kind.Nested:
      return d.canonical!;
    case Kind.Int:
    case Kind.Float:
      return (d.big ?? (Number.isInteger(d.n) && Math.abs(d.n) < 2 ** 63 ? BigInt(d.n) : d.n)) + ";";
    case Kind.Time:
      return "T" + d.n + ";";
    case Kind.Bool:
      return d.n ? "true;" : "false;";
  }
  return "null;";
}

/** Compares two texts by their bytes in UTF-8. */
export function compareText(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x !== y) {
      if (x >= 0xd800 && y >= 0xd800) {
        // The two halves of a character beyond 0xffff come after all that are one unit.
        x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
        y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
      }
      return x - y;
    }
  }
  return a.length - b.length;
}

/** Compares two numbers by their exact values. NaN is the smallest. */
export function compareNumbers(a: Datum, b: Datum): number {
  if (a.big === undefined && b.big === undefined) {
    if (a.n !== a.n || b.n !== b.n) return (a.n !== a.n ? 0 : 1) - (b.n !== b.n ? 0 : 1);
    return a.n < b.n ? -1 : a.n > b.n ? 1 : 0;
  }
  if (!Number.isFinite(a.n) || !Number.isFinite(b.n)) return compareNumbers(float(a.n), float(b.n));
  const x = a.big ?? BigInt(Math.trunc(a.n));
  const y = b.big ?? BigInt(Math.trunc(b.n));
  if (x !== y) return x < y ? -1 : 1;
  return (a.big === undefined ? a.n - Math.trunc(a.n) : 0) - (b.big === undefined ? b.n - Math.trunc(b.n) : 0);
}

/** Writes a float like the verb g of C, with this many digits, or with the fewest that read back as it. */
export function general(v: number, precision?: number): string {
  if (v !== v) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "+Inf" : "-Inf";
  if (v === 0) return Object.is(v, -0) ? "-0" : "0";
  const [mantissa, exponent] = v.toExponential(precision === undefined ? undefined : precision - 1).split("e");
  const e = Number(exponent);
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  if (e < -4 || e >= (precision ?? 6)) {
    return short + "e" + (e < 0 ? "-" : "+") + String(Math.abs(e)).padStart(2, "0");
  }
  const digits = short.replace(/[-.]/g, "").length;
  return Number(short + "e" + e).toFixed(Math.max(0, digits - 1 - e));
}

// Control characters, line separators and marks that change the direction of text.
export const hidden = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** Returns a text in double quotes as TOML writes it. */
export function quote(s: string): string {
  let out = '"';
  for (const c of s) {
    if (c === '"' || c === "\\") out += "\\" + c;
    else if (c === "\n") out += "\\n";
    else if (c === "\t") out += "\\t";
    else if (c === "\r") out += "\\r";
    else if (hidden.test(c)) out += "\\u" + c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    else out += c;
  }
  return out + '"';
}

/** Returns a value as text, as ~ matches it. */
export function textOf(d: Datum): string {
  switch (d.kind) {
    case Kind.Int:
      return d.big !== undefined ? String(d.big) : String(d.n);
    case Kind.Float:
      return general(d.n);
    case Kind.Bool:
      return d.n ? "true" : "false";
    case Kind.Null:
      return "null";
    case Kind.Time: {
      const whole = Math.floor(d.n / 1e6) * 1e6;
      const fraction = String(d.n - whole).padStart(6, "0").replace(/0+$/, "");
      return new Date(whole / 1e3).toISOString().slice(0, 19) + (fraction && "." + fraction) + "Z";
    }
  }
  return d.s;
}
