// Where the labels of an axis are, and what they say. No DOM.

import { formatTime } from "../parts/format";

export type AxisKind = "number" | "time" | "duration";

/** The places of about n labels from low to high. */
export function ticks(kind: AxisKind, low: number, high: number, n: number, log: boolean): number[] {
  if (!(high > low) || n < 1) return [low];
  if (log && low > 0) return logTicks(low, high, n);
  if (!Number.isFinite(high - low)) return [low, 0, high];
  if (kind === "time") return timeTicks(low, high, n);
  const step = kind === "duration" ? durationStep((high - low) / n) : niceStep((high - low) / n);
  const list: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && list.length < 1000; i++) list.push(round(i * step, step));
  return list;
}

/** 1, 2 or 5 times a power of ten, at least x. */
export function niceStep(x: number): number {
  const power = 10 ** Math.floor(Math.log10(x));
  for (const m of [1, 2, 5, 10]) if (x <= m * power * (1 + 1e-9)) return m * power;
  return 10 * power;
}

/** Removes what binary numbers add to a multiple of a step. */
function round(v: number, step: number): number {
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  return digits > 20 ? v : Number(v.toFixed(digits)) || 0;
}

const lengths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function durationStep(x: number): number {
  if (x < 1) return niceStep(x);
  return lengths.find((s) => s >= x) ?? 86400 * niceStep(x / 86400);
}

function logTicks(low: number, high: number, n: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const inside = (list: number[]) => list.filter((v) => v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9));
  const decades = inside(Array.from({ length: Math.min(last - first + 1, 700) }, (_, i) => Number("1e" + (first + i))));
  if (decades.length > n) return decades.filter((_, i) => i % Math.ceil(decades.length / n) === 0);
  if (decades.length * 3 <= n + 2 || decades.length < 2) {
    const more = inside(
      Array.from({ length: last - first + 1 }, (_, i) => [1, 2, 5].map((m) => Number(m + "e" + (first + i)))).flat(),
    );
    if (more.length >= 2) return more;
    return ticks("number", low, high, n, false).filter((v) => v > 0);
  }
  return decades;
}

const days = [1, 2, 7, 14, 30, 91, 182, 365];

/** Labels at whole hours and at midnights of this place. */
function timeTicks(low: number, high: number, n: number): number[] {
  const x = (high - low) / n;
  const list: number[] = [];
  if (x < 43200) {
    const step = durationStep(x);
    const shift = -new Date(low * 1000).getTimezoneOffset() * 60;
    for (let t = Math.ceil((low + shift) / step) * step - shift; t <= high; t += step) list.push(t);
    return list;
  }
  const step = days.find((d) => d * 86400 >= x) ?? 365 * Math.ceil(x / (365 * 86400));
  const at = new Date(low * 1000);
  for (at.setHours(24, 0, 0, 0); +at <= high * 1000 && list.length < 1000; at.setDate(at.getDate() + step)) list.push(+at / 1000);
  return list;
}

/** The labels of ticks: as short as they can be told apart. */
export function tickLabels(kind: AxisKind, list: number[]): string[] {
  if (kind === "time") return timeLabels(list);
  if (kind === "duration") return list.map(shortDuration);
  const most = Math.max(...list.map(Math.abs));
  const gap = list.length > 1 ? Math.abs(list[1] - list[0]) : most;
  return list.map((v) => shortNumber(v, gap));
}

/** A number whose neighbours are a gap away: 12.5k, 0.05, 2e-6. */
export function shortNumber(v: number, gap: number): string {
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size < 1e-4 || size >= 1e15) {
    const places = Math.max(0, Math.min(15, Math.floor(Math.log10(size)) - Math.floor(Math.log10(gap || size) + 1e-9)));
    return v.toExponential(Number.isFinite(places) ? places : 2).replace(/(\.\d*?)0+e/, "$1e").replace(/\.e/, "e").replace("e+", "e");
  }
  for (const [unit, letter] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= unit * 10 || (size >= unit && unit >= 1e6)) return trimmed(v / unit, gap / unit) + letter;
  }
  return trimmed(v, gap);
}

function trimmed(v: number, gap: number): string {
  const places = Math.max(0, Math.min(12, -Math.floor(Math.log10(gap || 1) + 1e-9)));
  const text = v.toFixed(Number.isFinite(places) ? places : 6);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function shortDuration(s: number): string {
  if (s < 0) return "-" + shortDuration(-s);
  if (s < 60) return shortNumber(s, 0.001 * (s || 1)) + " s";
  const d = Math.floor(s / 86400);
  const hours = Math.floor((s % 86400) / 3600);
  const min = Math.floor((s % 3600) / 60);
  const rest = Math.round(s % 60);
  return [d && d + " d", hours && hours + " h", min && min + " min", rest && rest + " s"].filter(Boolean).join(" ");
}

function timeLabels(list: number[]): string[] {
  const midnight = list.every((t) => new Date(t * 1000).getHours() === 0);
  let before = "";
  return list.map((t) => {
    const [day, clock] = formatTime(t * 1000).split(" ");
    const same = day === before;
    before = day;
    return midnight ? day : (same ? "" : day.slice(5) + " ") + clock.replace(/:00$/, "");
  });
}
