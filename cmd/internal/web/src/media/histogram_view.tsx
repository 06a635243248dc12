import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Rows } from "../pages/run-parts";
import { count, formatNumber } from "../parts";
import { type Histogram, quantile, rangeOf, spread } from "./histogram";

const rows = 64;
const mapHeight = 160;

/** Histograms over steps as a heat map, the chosen one as bars, and a table behind both. */
export function HistogramView(props: { name: string; steps: number[]; list: Histogram[]; at: number; onPick(index: number): void }) {
  const { name, steps, list, at } = props;
  const map = useRef<HTMLCanvasElement>(null);
  const bars = useRef<HTMLCanvasElement>(null);
  const [low, high] = rangeOf(list);
  const now = list[at];
  useEffect(() => {
    const paint = () => {
      if (map.current && list.length > 1) drawMap(map.current, list, at);
      if (bars.current) drawBars(bars.current, now, low, high);
    };
    paint();
    const sizes = new ResizeObserver(paint);
    sizes.observe(bars.current!);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", paint);
    return () => {
      sizes.disconnect();
      scheme.removeEventListener("change", paint);
    };
  }, [list, at]);
  return (
    <div>
      <div class="media-histogram">
        {list.length > 1 && (
          <figure class="media-plot card">
            <span class="media-axis">{formatNumber(high)}</span>
            <canvas
              ref={map}
              role="img"
              aria-label={`${name} over ${count(list.length, "step")}: a stronger color is more numbers. A table follows.`}
              onClick={(e) => props.onPick(Math.min(list.length - 1, Math.floor((e.offsetX / e.currentTarget.clientWidth) * list.length)))}
            />
            <span class="media-axis bottom">{formatNumber(low)}</span>
            <figcaption>
              <span>step {steps[0]}</span>
              <span>step {steps[steps.length - 1]}</span>
            </figcaption>
          </figure>
        )}
        <figure class="media-plot card">
          <canvas ref={bars} role="img" aria-label={`${name} at step ${steps[at]}: ${summary(now)}`} />
          <figcaption>
            <span>{formatNumber(low)}</span>
            <span>
              {count(now.total, "number")} at step {steps[at]}
              {now.odd && `, and ${now.odd}`}
            </span>
            <span>{formatNumber(high)}</span>
          </figcaption>
        </figure>
      </div>
      <details>
        <summary class="muted">Table</summary>
        <Rows
          tall={"Histograms of " + name}
          head={["#Step", "#Numbers", "#Lowest", "#5 %", "#Median", "#95 %", "#Highest", "#Others"]}
          rows={list.map((one, i) => {
            const [from, to] = rangeOf([one]);
            const five = [from, quantile(one, 0.05), quantile(one, 0.5), quantile(one, 0.95), to];
            return [steps[i], formatNumber(one.total), ...five.map((v) => one.total > 0 && formatNumber(v)), one.odd];
          })}
        />
      </details>
    </div>
  );
}

function summary(h: Histogram): string {
  if (h.total === 0) return "no numbers";
  return `${count(h.total, "number")}, half of them below ${formatNumber(quantile(h, 0.5))}`;
}

function begin(canvas: HTMLCanvasElement, height: number): { context: CanvasRenderingContext2D; width: number; accent: string; line: string } {
  const style = getComputedStyle(canvas);
  const width = Math.max(50, canvas.clientWidth);
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d")!;
  context.scale(devicePixelRatio, devicePixelRatio);
  return { context, width, accent: style.getPropertyValue("--accent") || "#2456c5", line: style.getPropertyValue("--text") || "#000" };
}

function drawMap(canvas: HTMLCanvasElement, list: Histogram[], at: number) {
  const { context, width, accent, line } = begin(canvas, mapHeight);
  const [low, high] = rangeOf(list);
  const columns = list.map((h) => spread(h, low, high, rows));
  const w = width / list.length;
  const cell = mapHeight / rows;
  context.fillStyle = accent;
  columns.forEach((column, x) => {
    const most = Math.max(...column, 1e-300);
    column.forEach((c, row) => {
      if (c <= 0) return;
      context.globalAlpha = 0.06 + 0.94 * Math.sqrt(c / most);
      context.fillRect(x * w, mapHeight - (row + 1) * cell, w + 0.5, cell + 0.5);
    });
  });
  context.globalAlpha = 1;
  context.strokeStyle = line;
  context.lineWidth = 1.5;
  context.strokeRect(at * w + 0.75, 0.75, Math.max(1, w - 1.5), mapHeight - 1.5);
}

const evenBins = 60;

/** The bars of a histogram: its bins or, if their widths differ much, bins of equal width with the same numbers. */
function barsOf(h: Histogram, low: number, high: number): [from: number, to: number, count: number][] {
  const widths = h.counts.map((_, i) => h.edges[i + 1] - h.edges[i]);
  if (Math.max(...widths) < 1.5 * Math.min(...widths)) return h.counts.map((c, i) => [h.edges[i], h.edges[i + 1], c]);
  const step = (high - low) / evenBins;
  return [...spread(h, low, high, evenBins)].map((c, i) => [low + i * step, low + (i + 1) * step, c]);
}

function drawBars(canvas: HTMLCanvasElement, h: Histogram, low: number, high: number) {
  const { context, width, accent } = begin(canvas, mapHeight);
  const bars = barsOf(h, low, high);
  const most = Math.max(...bars.map((b) => b[2]), 1e-300);
  context.fillStyle = accent;
  for (const [from, to, c] of bars) {
    if (c <= 0) continue;
    const x = ((from - low) / (high - low)) * width;
    const w = ((to - from) / (high - low)) * width;
    const tall = Math.max(1, (c / most) * (mapHeight - 4));
    context.fillRect(x, mapHeight - tall, Math.max(1, w - (w > 3 ? 1 : 0)), tall);
  }
}
