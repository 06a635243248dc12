// Draws curves into the box of a chart: on its canvas, into a picture, or as text. No DOM beyond a canvas' context.

import { type Colour, dashOf } from "./colour";
import type { Curve } from "./decode";
import { type Band, cellsIn, type Pen, type Span, trace } from "./grid";
import type { Box } from "./plot";

/** A line of a chart. */
export interface Line {
  /** The id of the run, or the name of the group; with the labels of its points, if they have some. */
  id: string;
  /** The id of the run, or the name of the group. */
  of: string;
  name: string;
  /** The params that differ, or how many runs a group has. */
  detail: string;
  colour: Colour;
  curve: Curve;
  /** The curve as it was recorded, if the other one is smoothed. */
  raw?: Curve;
  band?: Band;
}

export interface Look {
  hues: readonly string[];
  /** Of the axis. */
  span?: Span;
  logY: boolean;
  dashed: boolean;
}

/** A pen that collects the dots. */
function penOf(pen: Pick<Pen, "moveTo" | "lineTo">, dots: number[]): Pen {
  return {
    moveTo: (x, y) => pen.moveTo(x, y),
    lineTo: (x, y) => pen.lineTo(x, y),
    dot: (x, y) => void dots.push(x, y),
  };
}

/** Draws a curve with the given width in pixels of the page. */
export function paintCurve(g: CanvasRenderingContext2D, box: Box, c: Curve, line: Line, look: Look, width: number): void {
  const dots: number[] = [];
  const color = look.hues[line.colour.hue];
  g.strokeStyle = g.fillStyle = color;
  g.lineWidth = width * box.ratio;
  g.lineJoin = "round";
  g.setLineDash(look.dashed ? dashOf(line.colour).map((n) => n * box.ratio) : []);
  g.beginPath();
  trace(penOf(g, dots), c, look.span, box.toX, box.toY, look.logY);
  g.stroke();
  g.setLineDash([]);
  const [from, to] = cellsIn(c, look.span);
  const sparse = (to - from) * 16 * box.ratio < box.width;
  for (let i = from; sparse && i < to; i++) {
    if (Number.isFinite(c.last[i]) && !(look.logY && c.last[i] <= 0)) dots.push(box.toX(c.x[i]), box.toY(c.last[i]));
  }
  for (let i = 0; i < dots.length; i += 2) {
    g.beginPath();
    g.arc(dots[i], dots[i + 1], Math.max(width, 1.6) * 1.25 * box.ratio, 0, 7);
    g.fill();
  }
}

/** Draws the area of a band. */
export function paintBand(g: CanvasRenderingContext2D, box: Box, band: Band, color: string, logY: boolean): void {
  const floor = box.top + box.height + 10;
  const y = (v: number) => (logY && v <= 0 ? floor : box.toY(v));
  g.beginPath();
  for (let i = 0; i < band.x.length; i++) g.lineTo(box.toX(band.x[i]), y(band.high[i]));
  for (let i = band.x.length - 1; i >= 0; i--) g.lineTo(box.toX(band.x[i]), y(band.low[i]));
  g.closePath();
  g.globalAlpha = 0.16;
  g.fillStyle = color;
  g.fill();
  g.globalAlpha = 1;
}

/** Where a chart marks values that are not finite: a cross on the axis for NaN, an arrow at the edge for infinities. */
export function eachMark(box: Box, c: Curve, yield_: (kind: "nan" | "pos" | "neg", x: number, y: number) => void): void {
  const at = { nan: NaN, pos: NaN, neg: NaN };
  const r = 4 * box.ratio;
  for (const m of c.marks) {
    const x = box.toX(c.x[m.cell]);
    if (!(x >= box.left - 1 && x <= box.left + box.width + 1)) continue;
    for (const kind of ["nan", "pos", "neg"] as const) {
      if (!m[kind] || Math.round(x) === Math.round(at[kind])) continue;
      at[kind] = x;
      yield_(kind, x, kind === "pos" ? box.top + r + 1 : box.top + box.height - r - 1);
    }
  }
}

export function paintMarks(g: CanvasRenderingContext2D, box: Box, c: Curve, color: string): void {
  const r = 3.5 * box.ratio;
  g.strokeStyle = g.fillStyle = color;
  g.lineWidth = 1.6 * box.ratio;
  eachMark(box, c, (kind, x, y) => {
    g.beginPath();
    if (kind === "nan") {
      g.moveTo(x - r, y - r);
      g.lineTo(x + r, y + r);
      g.moveTo(x - r, y + r);
      g.lineTo(x + r, y - r);
      g.stroke();
      return;
    }
    const tip = kind === "pos" ? -r : r;
    g.moveTo(x, y + tip);
    g.lineTo(x - r, y - tip);
    g.lineTo(x + r, y - tip);
    g.fill();
  });
}

/** Draws all lines: the recorded curves faint behind smoothed ones, and bands behind all. */
export function paintLines(g: CanvasRenderingContext2D, box: Box, lines: Line[], look: Look): void {
  const width = lines.length > 30 ? 1 : 1.5;
  for (const l of lines) if (l.band) paintBand(g, box, l.band, look.hues[l.colour.hue], look.logY);
  g.globalAlpha = 0.25;
  for (const l of lines) if (l.raw) paintCurve(g, box, l.raw, l, { ...look, dashed: false }, 1);
  g.globalAlpha = lines.length > 60 ? 0.7 : 1;
  for (const l of lines) paintCurve(g, box, l.curve, l, look, width);
  g.globalAlpha = 1;
  for (const l of lines) paintMarks(g, box, l.raw ?? l.curve, look.hues[l.colour.hue]);
}
