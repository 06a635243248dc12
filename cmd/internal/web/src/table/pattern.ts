// Regular expressions of RE2 (https://github.com/google/re2/wiki/Syntax) by those of the browser.

/** Flags of a group: i ignores case, m makes ^ and $ match at lines, s makes . match a line's end, U swaps greed. */
interface Flags {
  i: boolean;
  m: boolean;
  s: boolean;
  U: boolean;
}

const asciiClasses: Record<string, string> = {
  alnum: "0-9A-Za-z", alpha: "A-Za-z", ascii: "\\0-\\x7f", blank: "\\t ", cntrl: "\\0-\\x1f\\x7f", digit: "0-9",
  graph: "!-~", lower: "a-z", print: " -~", punct: "!-\\/:-@\\[-`\\{-~", space: "\\t-\\r ", upper: "A-Z", word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const perl: Record<string, string> = { d: "0-9", s: "\\t\\n\\f\\r ", w: "0-9A-Za-z_" };
const controls: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const maxRepeat = 1000;

/** A pattern that is not valid: the reason and the text that it is about. */
class PatternError extends Error {
  constructor(reason: string, text: string) {
    super(`error parsing regexp: ${reason}: \`${text}\``);
  }
}

const literal = (code: number) => "\\u{" + code.toString(16) + "}";

class Translator {
  private at = 0;
  private readonly names = new Set<string>();

  constructor(private readonly src: string) {}

  translate(): string {
    const out = this.alternatives({ i: false, m: false, s: false, U: false });
    if (this.at < this.src.length) throw new PatternError("unexpected )", this.src);
    return out;
  }

  private alternatives(flags: Flags): string {
    let out = "";
    let last = "";
    const flush = () => {
      out += last;
      last = "";
    };
    while (this.at < this.src.length) {
      const c = this.src[this.at];
      if (c === ")") break;
      if (c === "|") {
        flush();
        out += "|";
        this.at++;
        continue;
      }
      const repeat = this.repetition(flags);
      if (repeat) {
        if (!last) throw new PatternError("missing argument to repetition operator", repeat.src);
        last = "(?:" + last + ")" + repeat.out;
        const again = this.repetition(flags);
        if (again) throw new PatternError("invalid nested repetition operator", this.src.slice(repeat.at, this.at));
        continue;
      }
      flush();
      last = this.atom(flags);
    }
    flush();
    return out;
  }

  private repetition(flags: Flags): { src: string; out: string; at: number } | undefined {
    const at = this.at;
    const found = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/.exec(this.src.slice(at));
    if (!found) return undefined;
    const [all, least, comma, most] = found;
    const leading = (n?: string) => n !== undefined && n.length > 1 && n[0] === "0";
    if (leading(least) || leading(most)) return undefined; // as RE2, which takes it for a text
    if (least !== undefined) {
      const high = comma && most ? Number(most) : Number(least);
      if (Number(least) > maxRepeat || high > maxRepeat || high < Number(least)) {
        throw new PatternError("invalid repeat count", all);
      }
    }
    this.at += all.length;
    let lazy = flags.U;
    if (this.src[this.at] === "?") {
      lazy = !lazy;
      this.at++;
    }
    return { src: this.src.slice(at, this.at), out: all + (lazy ? "?" : ""), at };
  }

  private atom(flags: Flags): string {
    const { src } = this;
    const c = src[this.at];
    switch (c) {
      case "(":
        return this.group(flags);
      case "[":
        return this.charClass(flags);
      case ".":
        this.at++;
        return flags.s ? "[^]" : "[^\\n]";
      case "^":
        this.at++;
        return flags.m ? "(?<![^\\n])" : "(?<![^])";
      case "$":
        this.at++;
        return flags.m ? "(?![^\\n])" : "(?![^])";
      case "\\":
        return this.escape(flags);
    }
    return this.char(src.codePointAt(this.at)!, flags, true);
  }

  private char(code: number, flags: Flags, advance = false): string {
    if (advance) this.at += code > 0xffff ? 2 : 1;
    return flags.i ? "[" + folded(code) + "]" : literal(code);
  }

  private group(flags: Flags): string {
    const { src } = this;
    const rest = src.slice(this.at);
    const inner = { ...flags };
    if (rest.startsWith("(?")) {
      const named = /^\(\?P?<([^>]*)>/.exec(rest);
      if (named && !/^\(\?<[=!]/.test(rest)) {
        if (!/^\w+$/.test(named[1])) throw new PatternError("invalid named capture", named[0]);
        if (this.names.has(named[1])) throw new PatternError("duplicate capture group name", named[1]);
        this.names.add(named[1]);
        this.at += named[0].length;
      } else {
        const set = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
        if (!set || (!set[1] && !set[2] && set[3] === ")")) {
          const lookaround = /^\(\?<?[=!]/.exec(rest) ?? /^\(\?[imsU-]*[^]?/.exec(rest)!;
          throw new PatternError("invalid or unsupported Perl syntax", lookaround[0]);
        }
        for (const f of set[1]) inner[f as keyof Flags] = true;
        for (const f of set[2] ?? "") inner[f as keyof Flags] = false;
        this.at += set[0].length;
        if (set[3] === ")") {
          Object.assign(flags, inner);
          return "(?:)";
        }
      }
    } else {
      this.at++;
    }
    const out = this.alternatives(inner);
    if (src[this.at] !== ")") throw new PatternError("missing closing )", src);
    this.at++;
    return "(?:" + out + ")";
  }

  private escape(flags: Flags): string {
    const { src } = this;
    const c = src[this.at + 1];
    switch (c) {
      case "A":
      case "z":
        this.at += 2;
        return c === "A" ? "(?<![^])" : "(?![^])";
      case "b":
      case "B":
        this.at += 2;
        return c === "b"
          ? "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"
          : "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))";
      case "Q": {
        const end = src.indexOf("\\E", this.at + 2);
        const text = src.slice(this.at + 2, end < 0 ? undefined : end);
        this.at = end < 0 ? src.length : end + 2;
        return [...text].map((one) => this.char(one.codePointAt(0)!, flags)).join("");
      }
    }
    const set = this.namedClass();
    if (set) return set;
    return this.char(this.escaped(), flags);
  }

  /** Reads \d, \pL and the like. */
  private namedClass(): string {
    const rest = this.src.slice(this.at);
    const simple = /^\\([dswDSW])/.exec(rest);
    if (simple) {
      this.at += 2;
      const lower = simple[1].toLowerCase();
      return "[" + (lower === simple[1] ? "" : "^") + perl[lower] + "]";
    }
    const property = /^\\([pP])(?:\{(\^?)([^}]*)\}|(.))/su.exec(rest);
    if (!property) {
      if (/^\\[pP]/.test(rest)) throw new PatternError("invalid character class range", rest);
      return "";
    }
    const name = property[3] ?? property[4];
    const negative = (property[1] === "P") !== (property[2] === "^");
    for (const one of [name, "Script=" + name]) {
      try {
        const source = (negative ? "\\P{" : "\\p{") + one + "}";
        new RegExp(source, "u");
        if (one === name && !/^[A-Z][a-z]?$/.test(name)) continue;
        this.at += property[0].length;
        return "[" + source + "]";
      } catch {
        // not the name of a category: perhaps that of a script
      }
    }
    throw new PatternError("invalid character class range", property[0]);
  }

  /** Reads an escaped character. */
  private escaped(): number {
    const { src } = this;
    const rest = src.slice(this.at);
    const c = src[this.at + 1];
    if (c === undefined) throw new PatternError("trailing backslash at end of expression", "");
    const hex = /^\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(rest);
    if (hex && parseInt(hex[1] ?? hex[2], 16) <= 0x10ffff) {
      this.at += hex[0].length;
      return parseInt(hex[1] ?? hex[2], 16);
    }
    const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (octal) {
      this.at += octal[0].length;
      return parseInt(octal[1], 8);
    }
    if (Object.hasOwn(controls, c)) {
      this.at += 2;
      return controls[c];
    }
    if (/[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/.test(c)) {
      this.at += 2;
      return c.charCodeAt(0);
    }
    const code = src.codePointAt(this.at + 1)!;
    throw new PatternError("invalid escape sequence", c === "x" ? (/^\\x\{?[0-9a-fA-F]*./s.exec(rest)?.[0] ?? rest) : "\\" + String.fromCodePoint(code));
  }

  private charClass(flags: Flags): string {
    const { src } = this;
    const from = this.at++;
    const negative = src[this.at] === "^";
    if (negative) this.at++;
    let out = "";
    for (let first = true; first || src[this.at] !== "]"; first = false) {
      if (this.at >= src.length) throw new PatternError("missing closing ]", src.slice(from));
      const rest = src.slice(this.at);
      if (rest[0] === "-" && !first && rest[1] !== "]" && rest.length > 1) {
        throw new PatternError("invalid character class range", "-" + String.fromCodePoint(rest.codePointAt(1)!));
      }
      const ascii = /^\[:(\^?)(.*?):\]/s.exec(rest);
      if (ascii) {
        if (!Object.hasOwn(asciiClasses, ascii[2])) throw new PatternError("invalid character class range", ascii[0]);
        this.at += ascii[0].length;
        out += ascii[1] ? "[^" + asciiClasses[ascii[2]] + "]" : "[" + asciiClasses[ascii[2]] + "]";
        continue;
      }
      const set = src[this.at] === "\\" ? this.namedClass() : "";
      if (set) {
        out += set;
        continue;
      }
      out += this.range(flags);
    }
    this.at++;
    return (negative ? "[^" : "[") + out + "]";
  }

  private range(flags: Flags): string {
    const { src } = this;
    const from = this.at;
    const low = this.member();
    let high = low;
    if (src[this.at] === "-" && src[this.at + 1] !== "]" && this.at + 1 < src.length) {
      this.at++;
      high = this.member();
      if (high < low) throw new PatternError("invalid character class range", src.slice(from, this.at));
    }
    const one = literal(low) + "-" + literal(high);
    if (!flags.i) return one;
    let out = one;
    for (let code = low; code <= Math.min(high, low + 0x3000); code++) out += folded(code);
    return out;
  }

  private member(): number {
    const { src } = this;
    if (src[this.at] === "\\") return this.escaped();
    const code = src.codePointAt(this.at)!;
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }
}

/** Returns the characters that differ from one only in case. */
function folded(code: number): string {
  const c = String.fromCodePoint(code);
  const same = new Set([code]);
  for (const other of [c.toLowerCase(), c.toUpperCase(), c.toUpperCase().toLowerCase()]) {
    if ([...other].length === 1) same.add(other.codePointAt(0)!);
  }
  if (c === "k" || c === "K") same.add(0x212a);
  if (c === "s" || c === "S") same.add(0x17f);
  return [...same].map(literal).join("");
}

/** Returns a function that reports whether a text matches a pattern, or what is wrong with the pattern. */
export function compilePattern(src: string): ((text: string) => boolean) | string {
  try {
    const re = new RegExp(new Translator(src).translate(), "v");
    const known = new Map<string, boolean>();
    return (text) => {
      let result = known.get(text);
      if (result === undefined) known.set(text, (result = re.test(text)));
      return result;
    };
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    return "the browser cannot read this pattern; 'runs ls -w' can";
  }
}
