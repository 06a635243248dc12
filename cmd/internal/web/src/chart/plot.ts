// The drawing of axes, and of what the pointer selects. The curves are drawn by the caller.

import type { Span } from "./grid";
import { type AxisKind, tickLabels, ticks } from "./ticks";

/** Where the curves are, in pixels of the canvas, and how numbers become pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
  /** Pixels of the canvas in one of the page. */
  ratio: number;
  toX(x: number): number;
  toY(y: number): number;
  fromX(px: number): number;
}

export interface Axes {
  x: Span;
  y: Span;
  kind: AxisKind;
  logX: boolean;
  logY: boolean;
}

export interface PlotOptions extends Axes {
  /** In pixels of the page. */
  width: number;
  height: number;
  draw(pen: CanvasRenderingContext2D, box: Box): void;
  /** The part of the x axis that was selected. */
  onSelect(span: Span): void;
  onReset(): void;
  /** The pointer is at a place of the canvas, in pixels of the page, or has left it. */
  onPointer(at: Place | undefined): void;
}

export interface Place {
  left: number;
  top: number;
}

const font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const room = { top: 8, right: 14, bottom: 24 };
/** A shorter way of the pointer is a click. */
const leastSelection = 4;

/** The ticks of both axes, and the box that they leave. */
export function layout(axes: Axes, width: number, height: number, ratio: number, measure: (text: string) => number) {
  const n = (size: number, each: number) => Math.max(2, Math.floor(size / each));
  const y = ticks("number", ...axes.y, n(height - 32, 28), axes.logY);
  const yTexts = tickLabels("number", y);
  const left = Math.min(Math.ceil(14 + Math.max(10, ...yTexts.map(measure))), width / 2);
  const inner = { left, top: room.top, width: Math.max(10, width - left - room.right), height: Math.max(10, height - room.top - room.bottom) };
  const x = ticks(axes.kind, ...axes.x, n(inner.width, axes.kind === "time" ? 96 : 74), axes.logX);
  const scaled = { left: inner.left * ratio, top: inner.top * ratio, width: inner.width * ratio, height: inner.height * ratio };
  return { x, xTexts: tickLabels(axes.kind, x), y, yTexts, box: boxOf(scaled, axes, ratio) };
}

export class Plot {
  readonly canvas = document.createElement("canvas");
  private readonly selection = document.createElement("div");
  private readonly pen = this.canvas.getContext("2d")!;
  private begun?: number;
  box!: Box;

  constructor(
    private readonly parent: HTMLElement,
    private o: PlotOptions,
  ) {
    this.canvas.className = "plot";
    this.selection.className = "chart-selection";
    this.selection.hidden = true;
    parent.prepend(this.canvas, this.selection);
    parent.onpointermove = (e) => this.move(this.place(e));
    parent.onpointerdown = (e) => {
      if (e.button !== 0) return;
      this.begun = this.place(e).left;
      parent.setPointerCapture(e.pointerId);
    };
    parent.onpointerup = (e) => this.select(this.place(e).left);
    parent.onpointerleave = parent.onpointercancel = () => {
      this.endSelection();
      this.o.onPointer(undefined);
    };
    parent.ondblclick = () => this.o.onReset();
    this.draw();
  }

  /** Draws with other options. */
  set(o: PlotOptions): void {
    this.o = o;
    this.draw();
  }

  /** Removes what the plot has drawn. Its parent must go too. */
  destroy(): void {
    this.canvas.remove();
    this.selection.remove();
  }

  private draw(): void {
    const { o, pen, canvas } = this;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(o.width * ratio);
    canvas.height = Math.round(o.height * ratio);
    const style = getComputedStyle(this.parent);
    pen.font = font;
    const { x, xTexts, y, yTexts, box } = layout(o, o.width, o.height, ratio, (text) => pen.measureText(text).width);
    this.box = box;
    pen.scale(ratio, ratio);
    pen.fillStyle = style.getPropertyValue("--muted") || "#777";
    pen.strokeStyle = style.getPropertyValue("--line") || "#ddd";
    pen.lineWidth = 1;
    const [left, top, right, bottom] = [box.left, box.top, box.left + box.width, box.top + box.height].map((v) => v / ratio);
    pen.beginPath();
    pen.textAlign = "center";
    pen.textBaseline = "top";
    x.forEach((at, i) => {
      const px = Math.round(box.toX(at) / ratio) + 0.5;
      pen.moveTo(px, top);
      pen.lineTo(px, bottom + 4);
      const half = pen.measureText(xTexts[i]).width / 2;
      pen.fillText(xTexts[i], Math.min(px, o.width - half - 1), bottom + 7);
    });
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    y.forEach((at, i) => {
      const py = Math.round(box.toY(at) / ratio) + 0.5;
      pen.moveTo(left - 4, py);
      pen.lineTo(right, py);
      pen.fillText(yTexts[i], left - 7, py);
    });
    pen.stroke();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top - 2 * ratio, box.width + ratio, box.height + 4 * ratio);
    pen.clip();
    o.draw(pen, box);
    pen.restore();
  }

  /** Where the pointer is, in the box. */
  private place(e: PointerEvent): Place {
    const at = this.canvas.getBoundingClientRect();
    const { left, top, width, height, ratio } = this.box;
    const inside = (v: number, from: number, size: number) => Math.min(Math.max(v, from / ratio), (from + size) / ratio);
    return { left: inside(e.clientX - at.left, left, width), top: inside(e.clientY - at.top, top, height) };
  }

  private move(at: Place): void {
    if (this.begun !== undefined) {
      const size = Math.abs(at.left - this.begun);
      const { top, height, ratio } = this.box;
      this.selection.hidden = size < leastSelection;
      Object.assign(this.selection.style, {
        left: Math.min(this.begun, at.left) + "px",
        width: size + "px",
        top: top / ratio + "px",
        height: height / ratio + "px",
      });
    }
    this.o.onPointer(at);
  }

  private select(to: number): void {
    const from = this.begun;
    this.endSelection();
    if (from === undefined || Math.abs(to - from) < leastSelection) return;
    const { fromX, ratio } = this.box;
    this.o.onSelect([fromX(Math.min(from, to) * ratio), fromX(Math.max(from, to) * ratio)]);
  }

  private endSelection(): void {
    this.begun = undefined;
    this.selection.hidden = true;
  }
}

/** The box of a picture of a size, in pixels of its canvas. */
export function boxOf(at: { left: number; top: number; width: number; height: number }, axes: Axes, ratio: number): Box {
  const scale = (v: number, log: boolean) => (log ? Math.log(v) : v);
  const x0 = scale(axes.x[0], axes.logX);
  const kx = at.width / (scale(axes.x[1], axes.logX) - x0);
  const y0 = scale(axes.y[0], axes.logY);
  // Halves, because the difference of two large numbers may not be a number.
  const ky = at.height / (scale(axes.y[1], axes.logY) / 2 - y0 / 2);
  return {
    ...at,
    ratio,
    toX: (x) => at.left + (scale(x, axes.logX) - x0) * kx,
    toY: (y) => at.top + at.height - (scale(y, axes.logY) / 2 - y0 / 2) * ky,
    fromX: (px) => (axes.logX ? Math.exp : Number)(x0 + (px - at.left) / kx),
  };
}
