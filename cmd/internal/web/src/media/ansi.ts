// What a program prints for a terminal, as text with styles. No DOM.

import { visible } from "../pages/run-data";

export interface Piece {
  text: string;
  /** The names of classes: "red bold". */
  style: string;
}

const colors = ["", "red", "green", "yellow", "blue", "magenta", "cyan", ""];
const escape = /\x1b\[([0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;

/** A line of a log. Colors become styles; of what a progress bar overwrites, the last remains. */
export function piecesOf(line: string): Piece[] {
  const parts = line.split("\r").filter(Boolean);
  const text = parts.length > 1 ? parts[parts.length - 1] : line.replace(/\r/g, "");
  const pieces: Piece[] = [];
  let color = "";
  let bold = false;
  let at = 0;
  const push = (to: number) => {
    if (to > at) pieces.push({ text: visible(text.slice(at, to)), style: (color + (bold ? " bold" : "")).trim() });
  };
  for (const m of text.matchAll(escape)) {
    push(m.index);
    at = m.index + m[0].length;
    if (m[1] === undefined) continue;
    const codes = m[1].split(/[;:]/).map(Number);
    for (let i = 0; i < codes.length; i++) {
      const c = codes[i];
      if (c === 0) [color, bold] = ["", false];
      else if (c === 1) bold = true;
      else if (c === 22) bold = false;
      else if (c === 38 || c === 48) i += codes[i + 1] === 5 ? 2 : 4; // a color of 256 or more: it stays plain
      else if (c === 39) color = "";
      else if (c >= 30 && c <= 37) color = colors[c - 30];
      else if (c >= 90 && c <= 97) color = colors[c - 90];
    }
  }
  push(text.length);
  return pieces;
}
