// What a program printed for a terminal, as plain text. No DOM.

import { visible } from "../parts/format";

const escape = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;

/** A line of a log without escape sequences. Of what a progress bar overwrites, the last remains. */
export function plainLine(line: string): string {
  const parts = line.replace(escape, "").split("\r").filter(Boolean);
  return visible(parts[parts.length - 1] ?? "");
}
