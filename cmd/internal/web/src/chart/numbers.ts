// Numbers of charts as text. No DOM.

import { shortNumber } from "./ticks";

/** A value of a curve: five digits that count, or NaN, inf, -inf. */
export function valueText(v: number): string {
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : "-inf";
  if (Number.isInteger(v) && Math.abs(v) < 1e9) return v.toLocaleString("en-US");
  const size = Math.abs(v);
  if (size < 1e-4 || size >= 1e9) return v.toExponential(4).replace(/\.?0+e/, "e").replace("e+", "e");
  return size >= 1e5 ? Math.round(v).toLocaleString("en-US") : String(Number(v.toPrecision(5)));
}

const two = (n: number) => String(n).padStart(2, "0");

/** A place of an x axis: a step, a time, a length of time, or a number. */
export function placeText(axis: string, x: number): string {
  if (axis === "step") return Number.isInteger(x) ? x.toLocaleString("en-US") : valueText(x);
  if (axis === "relative") return durationText(x);
  if (axis !== "time") return valueText(x);
  const d = new Date(x * 1000);
  if (Number.isNaN(d.getTime())) return valueText(x);
  const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${date} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

function durationText(s: number): string {
  if (s < 0) return "-" + durationText(-s);
  if (s < 60) return shortNumber(s, 0.01) + " s";
  const d = Math.floor(s / 86400);
  const parts = [d && `${d} d`, `${Math.floor((s % 86400) / 3600)} h`, `${Math.floor((s % 3600) / 60)} min`];
  if (s < 3600) return `${parts[2]} ${Math.floor(s % 60)} s`;
  return (d ? parts.slice(0, 2) : parts.slice(1)).join(" ");
}

/** What the x axis of an answer is called. */
export function axisName(x: string): string {
  if (x === "relative") return "time since the start";
  return x.startsWith("metrics.") ? x.slice(8) : x;
}

/** A number with its noun. */
export function counted(n: number, one: string, many = one + "s"): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}
