// How values become text: the same words as the commands print. No DOM.

/**
 * Five significant digits, and a whole number below a billion with all its digits: 0.91234, 12345, 1.5e-07, NaN, inf,
 * -inf.
 */
export function formatNumber(v: number): string {
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : "-inf";
  if (Number.isInteger(v) && Math.abs(v) < 1e9) return Object.is(v, -0) ? "-0" : String(v);
  const [mantissa, exponent] = digits(v).split("e");
  const e = Number(exponent);
  if (e >= 5 && e < 9) return String(roundEven(v));
  const short = mantissa.replace(/\.?0*$/, "");
  if (e < -4 || e >= 5) return short + "e" + (e < 0 ? "-" : "") + String(Math.abs(e)).padStart(2, "0");
  return (Number(mantissa) * 10 ** e).toFixed(Math.max(0, 4 - e)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** Five significant digits with an exponent; half rounds to even, as in Go. */
function digits(v: number): string {
  const half = /^(-?\d)\.(\d{4})50*e(.+)$/.exec(v.toExponential(60));
  return half && Number(half[2]) % 2 === 0 ? `${half[1]}.${half[2]}e${half[3]}` : v.toExponential(4);
}

function roundEven(v: number): number {
  const down = Math.floor(v);
  return v - down === 0.5 ? (down % 2 === 0 ? down : down + 1) : Math.round(v);
}

/** All digits of a number. */
export function exactNumber(v: number): string {
  return Number.isFinite(v) ? String(v) : formatNumber(v);
}

/** A length of time in milliseconds: 0.42 s, 37 s, 2 min 5 s, 3 h 12 min, 4 d 2 h. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  if (ms < 0) return "-" + formatDuration(-ms);
  const s = Math.floor(ms / 1000);
  if (ms < 10_000) return Math.round(ms / 10) / 100 + " s";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const lag = 15_000; // ms that the present time of the page, or the clock of another machine, may be behind

/** How long ago a time was, in milliseconds: just now, 3 min ago, 2 y ago. */
export function formatAgo(ms: number): string {
  if (ms < -lag) return "in the future";
  if (ms < 5000) return "just now";
  const s = ms / 1000;
  for (const [unit, below, name] of [
    [1, 60, "s"],
    [60, 3600, "min"],
    [3600, 86400, "h"],
    [86400, 60 * 86400, "d"],
    [30 * 86400, 2 * 365 * 86400, "mo"],
  ] as const) {
    if (s < below) return `${Math.floor(s / unit)} ${name} ago`;
  }
  return `${Math.floor(s / (365 * 86400))} y ago`;
}

const twoDigits = (n: number) => String(n).padStart(2, "0");

/** A time on this machine's clock: 2026-07-30 14:05:09. */
export function formatTime(ms: number): string {
  const t = new Date(ms);
  if (Number.isNaN(t.getTime())) return "";
  return (
    [t.getFullYear(), twoDigits(t.getMonth() + 1), twoDigits(t.getDate())].join("-") +
    " " +
    [t.getHours(), t.getMinutes(), t.getSeconds()].map(twoDigits).join(":")
  );
}

/** A size in powers of 1000: 999 B, 1.3 kB. */
export function formatBytes(n: number): string {
  if (n < 1000) return `${n} B`;
  let i = -1;
  do {
    n /= 1000;
    i++;
  } while (n >= 999.5 && i < 5);
  return `${n.toFixed(n >= 99.95 ? 0 : 1)} ${"kMGTPE"[i]}B`;
}

/** A number with its noun: 1 run, 2,000 runs. */
export function count(n: number, noun: string, plural = noun + "s"): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? noun : plural}`;
}

/** A command as a shell takes it: words that need it are quoted. */
export function shellLine(...words: string[]): string {
  return words.map((w) => (/^[\w@%+=:,./~^-]+$/.test(w) && w[0] !== "~" ? w : "'" + w.replaceAll("'", "'\\''") + "'")).join(" ");
}

/** A message as a sentence begins. A name before a colon stays as it is. */
export function upperFirst(text: string): string {
  return /^\S+:/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/** A text of a run with its control characters made visible, as the commands show it. Newlines and tabs stay. */
export function visible(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) => {
    const n = c.charCodeAt(0);
    if (n < 0x20) return String.fromCharCode(0x2400 + n);
    return n === 0x7f ? "\u2421" : "<U+" + n.toString(16).toUpperCase().padStart(4, "0") + ">";
  });
}
