// The language of 'runs ls -w', as repo/query defines it. See section 9 of SPEC.md.

import type { RunTable } from "./columns";
import { type Lookup, bindField } from "./field";
import { type Field, type KeyPart, checkKey, isAttribute, joinKey, newField } from "./key";
import { type Literal, compare, equals, newLiteral, parseSpan } from "./literal";
import { compilePattern } from "./pattern";
import { type Datum, Kind, canonicalOf, compareNumbers, compareText, float, isNaNDatum, isNumber, textOf } from "./value";

const maxBytes = 64 << 10;
const maxNesting = 100;

/** An expression that is not valid. The message is that of the command line. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    /** Where the error is, in characters from 1; 0 if it is not at one place. */
    readonly column: number,
    /** How long the part is that is wrong, in characters. */
    readonly length: number,
  ) {
    super(message);
  }
}

/** A parsed expression: a condition on a run. */
export interface Expr {
  op: string;
  left?: Expr;
  right?: Expr;
  field?: Field;
  args: Literal[];
  /** The key that the key is compared with. */
  other?: Field;
  /** Of the value that the key is compared with. */
  column: number;
  matches?: (text: string) => boolean;
}

interface Token {
  kind: string; // "" end, w word, q quoted text, k quoted key, o operator, ( ) ,
  text: string;
  at: number;
  end: number;
  key: string;
}

const endsWord = " \t\n\r(),'\"`=!<>~&|";
const pairs = ["==", "!=", "<=", ">=", "!~", "&&", "||"];

class Parser {
  private readonly tokens: Token[] = [];
  private i = 0;

  constructor(private readonly src: string) {
    for (let i = 0; i < src.length; ) i = this.scan(i);
  }

  private wrong(t: { at: number; end: number }, message: string): ExpressionError {
    const column = [...this.src.slice(0, t.at)].length + 1;
    return new ExpressionError(`expression, column ${column}: ${message}`, column, [...this.src.slice(t.at, t.end)].length);
  }

  private scan(i: number): number {
    const { src } = this;
    const c = src[i];
    const add = (kind: string, text: string, end: number, key = text) =>
      this.tokens.push({ kind, text, at: i, end, key }) && end;
    if (" \t\n\r".includes(c)) return i + 1;
    if ("(),".includes(c)) return add(c, c, i + 1);
    if (c === "'" || c === '"') {
      const end = src.indexOf(c, i + 1);
      if (end < 0) throw this.wrong({ at: i, end: src.length }, "the quote is not closed");
      if (src[end + 1] !== ".") {
        const text = src.slice(i + 1, end);
        return add("q", text, end + 1, joinKey([{ text, quoted: true }]));
      }
    } else if ("=!<>~&|".includes(c)) {
      const two = src.slice(i, i + 2);
      if (pairs.includes(two)) return add("o", two, i + 2);
      if (c === "&" || c === "|") throw this.wrong({ at: i, end: i + 1 }, `"${c}" is not an operator`);
      return add("o", c, i + 1);
    }
    return this.scanWord(i);
  }

  private scanWord(start: number): number {
    const { src } = this;
    const parts: KeyPart[] = [{ text: "", quoted: false }];
    let kind = "w";
    let i = start;
    while (i < src.length) {
      const c = src[i];
      const before = src[i - 1];
      if (c === "`" || ((c === "'" || c === '"') && (i === start || before === "." || before === "`"))) {
        const end = src.indexOf(c, i + 1);
        if (end < 0) throw this.wrong({ at: i, end: src.length }, "the quote is not closed");
        kind = "k";
        const part = parts[parts.length - 1];
        part.quoted = true;
        part.text += src.slice(i + 1, end);
        i = end + 1;
        continue;
      }
      if (endsWord.includes(c)) break;
      i++;
      if (c === ".") parts.push({ text: "", quoted: false });
      else parts[parts.length - 1].text += c;
    }
    const text = parts.map((p) => p.text).join(".");
    this.tokens.push({ kind, text, at: start, end: i, key: joinKey(parts) });
    return i;
  }

  private peek(): Token {
    const end = this.src.length;
    return this.tokens[this.i] ?? { kind: "", text: "", at: end, end, key: "" };
  }

  private next(): Token {
    const t = this.peek();
    this.i++;
    return t;
  }

  private word(...words: string[]): boolean {
    const t = this.peek();
    if ((t.kind !== "w" && t.kind !== "o") || !words.includes(t.text.toLowerCase())) return false;
    this.i++;
    return true;
  }

  parse(): Expr {
    const e = this.or(0);
    const t = this.peek();
    if (t.kind) throw this.wrong(t, "expected and, or, or the end");
    return e;
  }

  private or(depth: number): Expr {
    return this.chain("or", "||", () => this.chain("and", "&&", () => this.not(depth)));
  }

  private chain(op: string, sign: string, part: () => Expr): Expr {
    let left = part();
    while (this.word(op, sign)) left = { op, left, right: part(), args: [], column: 0 };
    return left;
  }

  private not(depth: number): Expr {
    const t = this.peek();
    if (depth > maxNesting) throw this.wrong(t, `nested deeper than ${maxNesting} levels`);
    if (this.word("not", "!")) return { op: "not", left: this.not(depth + 1), args: [], column: 0 };
    if (t.kind !== "(") return this.comparison();
    this.i++;
    const e = this.or(depth + 1);
    const end = this.next();
    if (end.kind !== ")") throw this.wrong(end, 'expected ")"');
    return e;
  }

  private checked(t: Token): Field {
    const wrong = checkKey(t.key);
    if (wrong) throw this.wrong(t, wrong);
    return newField(t.key);
  }

  private comparison(): Expr {
    const t = this.next();
    if (!"wkq".includes(t.kind) || !t.text) throw this.wrong(t, "expected a key");
    const e: Expr = { op: "has", field: this.checked(t), args: [], column: 0 };
    if (this.word("in")) return this.list(e, "in");
    const here = this.i;
    if (this.word("not")) {
      if (this.word("in")) return this.list(e, "not in");
      this.i = here;
    }
    const op = this.peek();
    if (op.kind !== "o" || op.text === "&&" || op.text === "||") return e;
    if (op.text === "!") throw this.wrong(op, "expected an operator: = != < <= > >= ~ !~ or in");
    this.i++;
    e.op = op.text === "==" ? "=" : op.text;
    const v = this.next();
    if (!v.kind || !"wqk".includes(v.kind) || (v.kind === "k" && e.op.endsWith("~"))) {
      throw this.wrong(v, `expected a value after ${op.text}`);
    }
    e.column = this.wrong(v, "").column;
    if (e.op.endsWith("~")) {
      const pattern = compilePattern(v.text);
      if (typeof pattern === "string") throw this.wrong(v, pattern);
      e.matches = pattern;
      return e;
    }
    const f = newField(v.key);
    if (v.kind === "k" || (v.kind === "w" && f.scope && f.name)) {
      if (!f.name) throw this.wrong(v, "expected a key");
      e.other = this.checked(v);
      return e;
    }
    this.literal(e, v);
    return e;
  }

  private list(e: Expr, op: string): Expr {
    e.op = op;
    const open = this.next();
    if (open.kind !== "(") throw this.wrong(open, 'expected "(" after in');
    for (;;) {
      const v = this.next();
      if (v.kind !== "w" && v.kind !== "q") throw this.wrong(v, "expected a value");
      this.literal(e, v);
      const t = this.next();
      if (t.kind === ")") return e;
      if (t.kind !== ",") throw this.wrong(t, 'expected "," or ")"');
    }
  }

  private literal(e: Expr, t: Token): void {
    const l = newLiteral(t.text, t.kind === "q");
    const f = e.field!;
    if ((isAttribute(f, "started") || isAttribute(f, "ended")) && !l.when) {
      throw this.wrong(t, `${f.key} must be compared with a time, like 2026-11-23 or '3d ago'`);
    }
    if (isAttribute(f, "duration")) {
      const span = parseSpan(t.text);
      if (span !== undefined) l.number = float(span);
      else if (!l.number) throw this.wrong(t, "expected a duration, like 90 or '2h'");
    }
    e.args.push(l);
  }
}

/** Reads an expression. It throws an ExpressionError. */
export function parseExpression(src: string): Expr {
  if (new TextEncoder().encode(src).length > maxBytes) {
    throw new ExpressionError(`the expression is longer than ${maxBytes} bytes`, 0, 0);
  }
  return new Parser(src).parse();
}

/** Returns a function that reports whether a row meets the expression. */
export function bindExpression(e: Expr, t: RunTable, now: Date): (row: number) => boolean {
  switch (e.op) {
    case "and":
    case "or": {
      const left = bindExpression(e.left!, t, now);
      const right = bindExpression(e.right!, t, now);
      return e.op === "and" ? (row) => left(row) && right(row) : (row) => left(row) || right(row);
    }
    case "not": {
      const left = bindExpression(e.left!, t, now);
      return (row) => !left(row);
    }
  }
  const value = bindField(e.field!, t);
  if (e.op === "has") return (row) => value(row) !== undefined;
  if (e.other) {
    const other = bindField(e.other, t);
    return (row) => {
      const v = value(row);
      const w = v && other(row);
      return w !== undefined && compareValues(e.op, v!, w);
    };
  }
  const test = tester(e, now);
  return (row) => {
    const v = value(row);
    return v !== undefined && test(v);
  };
}

function tester(e: Expr, now: Date): (v: Datum) => boolean {
  const [l] = e.args;
  const isIn = (v: Datum) =>
    e.args.some((one) => equals(one, v, now) || (v.items?.some((item) => equals(one, item, now)) ?? false));
  switch (e.op) {
    case "~":
      return (v) => e.matches!(textOf(v));
    case "!~":
      return (v) => !e.matches!(textOf(v));
    case "in":
      return isIn;
    case "not in":
      return (v) => !isNaNDatum(v) && !isIn(v);
    case "=":
      return (v) => equals(l, v, now);
    case "!=":
      return (v) => !equals(l, v, now) && (!isNaNDatum(v) || (l.number !== undefined && isNaNDatum(l.number)));
  }
  return (v) => {
    const order = compare(l, v, now);
    return order !== undefined && ordered(e.op, order);
  };
}

function ordered(op: string, order: number): boolean {
  return op === "<" ? order < 0 : op === "<=" ? order <= 0 : op === ">" ? order > 0 : order >= 0;
}

/** Compares two values of one run. */
function compareValues(op: string, v: Datum, w: Datum): boolean {
  if (isNaNDatum(v) || isNaNDatum(w)) return false;
  let order: number | undefined;
  if (isNumber(v) && isNumber(w)) order = compareNumbers(v, w);
  else if (v.kind === Kind.Text && w.kind === Kind.Text) order = compareText(v.s, w.s);
  else if (v.kind === Kind.Time && w.kind === Kind.Time) order = v.n - w.n;
  const equal = order === 0 || (v.kind === w.kind && canonicalOf(v) === canonicalOf(w));
  if (op === "=") return equal;
  if (op === "!=") return !equal;
  return order !== undefined && ordered(op, order);
}

/** Calls yield with each key of an expression. bare is true if the key is not compared with anything. */
export function eachKey(e: Expr, yield_: (f: Field, bare: boolean) => void): void {
  if (e.left) eachKey(e.left, yield_);
  if (e.right) eachKey(e.right, yield_);
  if (e.field) yield_(e.field, e.op === "has");
  if (e.other) yield_(e.other, false);
}

/**
 * Throws an ExpressionError if the expression asks for the order of a number and a word, as loss < acc does: no run
 * would match, whatever its values are.
 */
export function checkOrder(e: Expr, t: RunTable): void {
  if (e.left) {
    checkOrder(e.left, t);
    if (e.right) checkOrder(e.right, t);
    return;
  }
  const [l] = e.args;
  if (e.args.length !== 1 || e.matches || !/^[<>]/.test(e.op)) return;
  if (l.quoted || l.number || l.when || isAttribute(e.field!, "duration")) return;
  const value = bindField(e.field!, t);
  const name = newField(l.text).name;
  const prefixed: [string, Lookup][] = ["metrics.", "params.", "attributes."].map((prefix) => [
    prefix + name,
    bindField(newField(prefix + name), t),
  ]);
  let some = false;
  let key = "";
  for (const row of t.newest) {
    const d = value(row);
    if (d && !isNumber(d)) return;
    some ||= d !== undefined;
    key ||= prefixed.find(([, of]) => {
      const v = of(row);
      return v && isNumber(v);
    })?.[0] ?? "";
  }
  if (!some) return;
  let reason = `${e.field!.key} is a number and ${JSON.stringify(l.text)} is a text, so they have no order`;
  if (key) reason += `; to compare two values of a run, write ${key}`;
  throw new ExpressionError(`expression, column ${e.column}: ${reason}`, e.column, [...l.text].length);
}
