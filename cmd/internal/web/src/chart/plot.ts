// The drawing of axes, of the cursor and of the selection, by uPlot. Nothing else knows uPlot, so that it can be
// replaced. The curves are drawn by the caller.

import uPlot from "uplot";
import "../../third_party/uplot/uPlot.min.css";
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

const font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

export class Plot {
  private u: uPlot;
  /** Lies over the curves and takes the pointer. */
  readonly over: HTMLElement;

  constructor(
    parent: HTMLElement,
    private o: PlotOptions,
  ) {
    this.u = this.make(parent);
    this.over = this.u.over;
  }

  /** Draws with other options. Whether an axis is logarithmic stays as it was made. */
  set(o: PlotOptions): void {
    const sized = o.width !== this.o.width || o.height !== this.o.height;
    this.o = o;
    this.u.batch(() => {
      if (sized) this.u.setSize({ width: o.width, height: o.height });
      this.u.setData([o.x, [null, null]], false);
      this.u.setScale("x", { min: o.x[0], max: o.x[1] });
      this.u.setScale("y", { min: o.y[0], max: o.y[1] });
    });
  }

  redraw(): void {
    this.u.redraw(false, true);
  }

  destroy(): void {
    this.u.destroy();
  }

  get canvas(): HTMLCanvasElement {
    return this.u.ctx.canvas;
  }

  box(): Box {
    const { left, top, width, height } = this.u.bbox;
    return boxOf({ left, top, width, height }, this.o, devicePixelRatio);
  }

  private make(parent: HTMLElement): uPlot {
    const color = (name: string) => () => getComputedStyle(parent).getPropertyValue(name) || "#8884";
    const axis = (side: number): uPlot.Axis => ({
      side,
      stroke: color("--muted"),
      font,
      ticks: { stroke: color("--line"), width: 1, size: 4 },
      grid: { stroke: color("--line"), width: 1 },
      gap: 3,
    });
    const space = { x: 78, y: 34 };
    const n = (size: number, each: number) => Math.max(2, Math.floor(size / each));
    return new uPlot(
      {
        width: this.o.width,
        height: this.o.height,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        pxAlign: 1,
        scales: {
          x: { time: false, distr: this.o.logX ? 3 : 1, range: () => this.o.x },
          y: { distr: this.o.logY ? 3 : 1, range: () => this.o.y },
        },
        series: [{}, { show: true, points: { show: false } }],
        axes: [
          {
            ...axis(2),
            size: 26,
            splits: (u) => ticks(this.o.kind, this.o.x[0], this.o.x[1], n(u.width - 60, space.x), this.o.logX),
            values: (_, list) => tickLabels(this.o.kind, list),
            filter: (_, list) => list,
          },
          {
            ...axis(3),
            size: (_, list) => 12 + 6.4 * Math.max(2, ...(list ?? []).map((text) => text.length)),
            splits: (u) => ticks("number", this.o.y[0], this.o.y[1], n(u.height - 34, space.y), this.o.logY),
            values: (_, list) => tickLabels("number", list),
            filter: (_, list) => list,
          },
        ],
        cursor: {
          x: false,
          y: false,
          points: { show: false },
          drag: { x: true, y: false, setScale: false, dist: 4 },
          bind: { dblclick: () => () => (this.o.onReset(), null) },
        },
        hooks: {
          draw: [
            (u) => {
              const { left, top, width, height } = u.bbox;
              u.ctx.save();
              u.ctx.beginPath();
              u.ctx.rect(left, top, width, height);
              u.ctx.clip();
              this.o.draw(u.ctx, this.box());
              u.ctx.restore();
            },
          ],
          setSelect: [
            (u) => {
              const { left, width } = u.select;
              if (width < 4) return;
              const span: Span = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              this.o.onSelect(span);
            },
          ],
          setCursor: [
            (u) => {
              const { left = -1, top = -1 } = u.cursor;
              this.o.onPointer(left < 0 || top < 0 ? undefined : { left, top });
            },
          ],
        },
      },
      [this.o.x, [null, null]],
      parent,
    );
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
