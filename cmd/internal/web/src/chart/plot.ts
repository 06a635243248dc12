// The drawing of axes, and the pointer over them. The curves are drawn by the caller.

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

export interface PlotOptions {
  width: number;
  height: number;
  x: Span;
  y: Span;
  kind: AxisKind;
  logX: boolean;
  logY: boolean;
  draw(pen: CanvasRenderingContext2D, box: Box): void;
  /** The part of the x axis that was selected. */
  onSelect(span: Span): void;
  onReset(): void;
  /** The pointer is at a place of the box, in pixels of the page, or has left it. */
  onPointer(at: { left: number; top: number } | undefined): void;
}

const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

// In pixels of the page.
const fontSize = 11;
const topSpace = 8;
const rightSpace = 12;
const xAxisHeight = 26;
const tickLength = 4;
const labelGap = 3;
const xLabelEach = 78;
const yLabelEach = 34;
const leastDrag = 4;

interface Labels {
  at: number[];
  text: string[];
}

export class Plot {
  readonly canvas = document.createElement("canvas");
  /** Lies over the curves and takes the pointer. */
  readonly over = document.createElement("div");
  private readonly selected = document.createElement("div");
  private readonly pen = this.canvas.getContext("2d")!;
  private x!: Labels;
  private y!: Labels;
  /** Where the curves are, in pixels of the page. */
  private at!: { left: number; top: number; width: number; height: number };
  private asked = false;
  private from?: number;

  constructor(
    parent: HTMLElement,
    private o: PlotOptions,
  ) {
    this.canvas.className = "plot";
    this.over.className = "plot-over";
    this.selected.className = "plot-selected";
    this.selected.hidden = true;
    this.over.append(this.selected);
    parent.prepend(this.canvas, this.over);
    this.listen();
    this.set(o);
  }

  /** Draws with other options. */
  set(o: PlotOptions): void {
    this.o = o;
    const labels = (kind: AxisKind, span: Span, size: number, each: number, log: boolean): Labels => {
      const at = ticks(kind, span[0], span[1], Math.max(2, Math.floor(size / each)), log);
      return { at, text: tickLabels(kind, at) };
    };
    this.x = labels(o.kind, o.x, o.width - 60, xLabelEach, o.logX);
    this.y = labels("number", o.y, o.height - 34, yLabelEach, o.logY);
    const left = Math.round(12 + 6.4 * Math.max(2, ...this.y.text.map((text) => text.length)));
    const width = Math.max(10, o.width - left - rightSpace);
    this.at = { left, top: topSpace, width, height: Math.max(10, o.height - topSpace - xAxisHeight) };
    for (const [key, value] of Object.entries(this.at)) this.over.style.setProperty(key, value + "px");
    this.canvas.style.width = o.width + "px";
    this.canvas.style.height = o.height + "px";
    this.redraw();
  }

  /** Draws soon, once for all that asked until then. */
  redraw(): void {
    if (this.asked) return;
    this.asked = true;
    queueMicrotask(() => {
      this.asked = false;
      if (this.canvas.isConnected) this.paint();
    });
  }

  destroy(): void {
    this.canvas.remove();
    this.over.remove();
  }

  box(): Box {
    const ratio = devicePixelRatio;
    const scaled = (v: number) => Math.round(v * ratio);
    const { left, top, width, height } = this.at;
    return boxOf(
      { left: scaled(left), top: scaled(top), width: scaled(width), height: scaled(height) },
      this.o,
      ratio,
    );
  }

  private paint(): void {
    const { pen, canvas } = this;
    const box = this.box();
    const width = Math.round(this.o.width * box.ratio);
    const height = Math.round(this.o.height * box.ratio);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    else pen.clearRect(0, 0, width, height);
    this.paintAxes(box);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.width, box.height);
    pen.clip();
    this.o.draw(pen, box);
    pen.restore();
  }

  private paintAxes(box: Box): void {
    const { pen, x, y } = this;
    const style = getComputedStyle(this.canvas);
    const { left, top, width, height, ratio } = box;
    const bottom = top + height;
    const tick = tickLength * ratio;
    const away = (tickLength + labelGap) * ratio;
    pen.font = `${fontSize * ratio}px ${font}`;
    pen.fillStyle = style.getPropertyValue("--muted") || "#777";
    pen.strokeStyle = style.getPropertyValue("--line") || "#8884";
    pen.lineWidth = Math.max(1, Math.round(ratio));
    const odd = pen.lineWidth % 2 ? 0.5 : 0; // a line of one pixel is sharp at the middle of a pixel
    pen.beginPath();
    pen.textAlign = "center";
    pen.textBaseline = "top";
    x.at.forEach((v, i) => {
      const px = Math.round(box.toX(v)) + odd;
      if (!(px >= left - 1 && px <= left + width + 1)) return;
      pen.moveTo(px, top);
      pen.lineTo(px, bottom + tick);
      pen.fillText(x.text[i], px, bottom + away);
    });
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    y.at.forEach((v, i) => {
      const py = Math.round(box.toY(v)) + odd;
      if (!(py >= top - 1 && py <= bottom + 1)) return;
      pen.moveTo(left - tick, py);
      pen.lineTo(left + width, py);
      pen.fillText(y.text[i], left - away, py);
    });
    pen.stroke();
  }

  /** Follows the pointer: it shows values, and selects a part of the x axis while it is pressed. */
  private listen(): void {
    const { over, selected } = this;
    const place = (e: PointerEvent) => {
      const r = over.getBoundingClientRect();
      const left = Math.max(0, Math.min(this.at.width, e.clientX - r.left));
      return { left, top: Math.max(0, Math.min(this.at.height, e.clientY - r.top)) };
    };
    over.onpointerdown = (e) => {
      if (e.button !== 0) return;
      this.from = place(e).left;
      over.setPointerCapture(e.pointerId);
    };
    over.onpointermove = (e) => {
      const to = place(e);
      if (this.from !== undefined) {
        const width = Math.abs(to.left - this.from);
        selected.hidden = width < leastDrag;
        selected.style.left = Math.min(to.left, this.from) + "px";
        selected.style.width = width + "px";
      }
      this.o.onPointer(to);
    };
    over.onpointerup = (e) => {
      const { from } = this;
      const to = place(e).left;
      const drawn = !selected.hidden;
      this.endSelection();
      if (from === undefined || !drawn) return;
      const box = this.box();
      const [low, high] = from < to ? [from, to] : [to, from];
      this.o.onSelect([box.fromX(box.left + low * box.ratio), box.fromX(box.left + high * box.ratio)]);
    };
    over.onpointercancel = () => this.endSelection();
    over.onpointerleave = () => this.o.onPointer(undefined);
    over.ondblclick = () => this.o.onReset();
  }

  private endSelection(): void {
    this.from = undefined;
    this.selected.hidden = true;
  }
}

/** The box of a picture of another size. */
export function boxOf(
  at: { left: number; top: number; width: number; height: number },
  o: { x: Span; y: Span; logX: boolean; logY: boolean },
  ratio: number,
): Box {
  const scale = (v: number, log: boolean) => (log ? Math.log(v) : v);
  const x0 = scale(o.x[0], o.logX);
  const kx = at.width / (scale(o.x[1], o.logX) - x0);
  const y0 = scale(o.y[0], o.logY);
  // Half of the numbers first: the difference of two large ones may not be a number.
  const ky = at.height / (scale(o.y[1], o.logY) / 2 - y0 / 2);
  return {
    ...at,
    ratio,
    toX: (x) => at.left + (scale(x, o.logX) - x0) * kx,
    toY: (y) => at.top + at.height - (scale(y, o.logY) / 2 - y0 / 2) * ky,
    fromX: (px) => (o.logX ? Math.exp : Number)(x0 + (px - at.left) / kx),
  };
}
