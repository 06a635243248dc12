// The places of an x axis as text. No DOM.

import { formatDuration, formatNumber, formatTime } from "../parts/format";

/** A place of an x axis: a step, a time, a length of time, or a number. */
export function placeText(axis: string, x: number): string {
  if (axis === "relative") return formatDuration(x * 1000);
  if (axis === "time") return formatTime(x * 1000);
  return axis === "step" && Number.isInteger(x) ? x.toLocaleString("en-US") : formatNumber(x);
}

/** What an x axis is called. */
export function axisName(x: string): string {
  if (x === "relative") return "time since the start";
  return x.replace(/^metrics\./, "");
}
