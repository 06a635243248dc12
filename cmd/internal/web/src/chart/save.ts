// Saves what a chart shows as a picture, as a drawing, or as values.

import { toCSV } from "../parts/csv";
import { axesOf, type ChartModel, lookOf } from "./model";
import { dashOf } from "./colour";
import { trace } from "./grid";
import { axisName } from "./numbers";
import { eachMark } from "./paint";
import { layout } from "./plot";

function save(name: string, data: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The name of a file: what all systems allow. */
function fileName(m: ChartModel, extension: string): string {
  return (m.metric.replace(/[^\w.-]+/g, "-").replace(/^[-.]+/, "").slice(0, 80) || "chart") + "." + extension;
}

const shownNames = 30;

/** Saves a chart as a picture, which has two pixels for one of the page. */
export async function savePNG(m: ChartModel): Promise<void> {
  const image = new Image();
  image.src = URL.createObjectURL(svgOf(m));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * image.width;
  canvas.height = 2 * image.height;
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((data) => data && save(fileName(m, "png"), data));
}

export function saveSVG(m: ChartModel): void {
  save(fileName(m, "svg"), svgOf(m));
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A text as the content of an element or an attribute; characters that XML does not have are left out. */
function xml(text: string): string {
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu, "").replace(/[&<>"]/g, (c) => escapes[c]);
}

const width = 800;
const plotHeight = 360;

/** A chart as SVG, with its title and the names of its curves. */
export function svgOf(m: ChartModel): Blob {
  const axes = axesOf(m);
  const look = lookOf(m);
  const text = m.dark ? "#9aa5b1" : "#59636f";
  const grid = m.dark ? "#2a3038" : "#e0e4e9";
  const across = Math.max(1, Math.floor((width - 20) / 240));
  const nameWidth = (width - 20) / across;
  const names = m.lines.slice(0, shownNames).map((line, i) => ({
    x: 10 + (i % across) * nameWidth,
    y: 26 + plotHeight + 22 + 18 * Math.floor(i / across),
    text: line.name + (line.detail ? "  " + line.detail : ""),
    line,
  }));
  const height = 26 + plotHeight + 18 * Math.ceil(names.length / across) + 16;
  const at = layout(axes, width, plotHeight, 1, (t) => 6.2 * t.length);
  const { box } = at;
  const down = 26; // the title is above
  const parts: string[] = [];
  const n = (v: number) => String(Math.round(v * 100) / 100);
  const bottom = box.top + box.height;
  const line = (x1: number, y1: number, x2: number, y2: number) =>
    parts.push(`<path d="M${n(x1)} ${n(y1)}L${n(x2)} ${n(y2)}" stroke="${grid}"/>`);
  const label = (x: number, y: number, anchor: string, s: string) =>
    parts.push(`<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" fill="${text}">${xml(s)}</text>`);
  parts.push(`<g transform="translate(0 ${down})">`);
  at.x.forEach((x, i) => {
    line(box.toX(x), box.top, box.toX(x), bottom);
    label(box.toX(x), bottom + 15, "middle", at.xTexts[i]);
  });
  at.y.forEach((y, i) => {
    line(box.left, box.toY(y), box.left + box.width, box.toY(y));
    label(box.left - 6, box.toY(y) + 4, "end", at.yTexts[i]);
  });
  parts.push(`<g clip-path="url(#box)" fill="none" stroke-linejoin="round">`);
  const draw = (l: (typeof m.lines)[number], c: typeof l.curve, more: string, dash: readonly number[]) => {
    let d = "";
    const hue = look.hues[l.colour.hue];
    const pen = {
      moveTo: (x: number, y: number) => void (d += `M${n(x)} ${n(y)}`),
      lineTo: (x: number, y: number) => void (d += `L${n(x)} ${n(y)}`),
      dot: (x: number, y: number) => void parts.push(`<circle cx="${n(x)}" cy="${n(y)}" r="2.5" fill="${hue}"/>`),
    };
    trace(pen, c, look.span, box.toX, box.toY, look.logY);
    if (d) parts.push(`<path d="${d}" stroke="${hue}"${dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : ""} ${more}/>`);
  };
  for (const l of m.lines) {
    if (!l.band) continue;
    const edge = (list: Float64Array) => Array.from(l.band!.x, (x, i) => `${n(box.toX(x))} ${n(look.logY && list[i] <= 0 ? bottom : box.toY(list[i]))}`);
    const area = [...edge(l.band.high), ...edge(l.band.low).reverse()];
    if (area.length) parts.push(`<path d="M${area.join("L")}Z" fill="${look.hues[l.colour.hue]}" fill-opacity="0.16"/>`);
  }
  for (const l of m.lines) if (l.raw) draw(l, l.raw, 'stroke-opacity="0.25"', []);
  for (const l of m.lines) draw(l, l.curve, 'stroke-width="1.5"', look.dashed ? dashOf(l.colour) : []);
  parts.push("</g>");
  for (const l of m.lines) {
    eachMark(box, l.raw ?? l.curve, (kind, x, y) => {
      const s = kind === "nan" ? "✕" : kind === "pos" ? "▲" : "▼";
      parts.push(`<text x="${n(x)}" y="${n(y + 3)}" text-anchor="middle" font-size="9" fill="${look.hues[l.colour.hue]}">${s}</text>`);
    });
  }
  parts.push("</g>");
  for (const name of names) {
    const dash = look.dashed ? dashOf(name.line.colour) : [];
    parts.push(
      `<path d="M${n(name.x)} ${name.y - 4}h18" stroke-width="3" stroke="${look.hues[name.line.colour.hue]}"${dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : ""}/>`,
    );
    const fits = Math.floor(nameWidth / 6.2) - 5;
    label(name.x + 24, name.y, "start", name.text.length > fits ? name.text.slice(0, fits - 1) + "…" : name.text);
  }
  const head =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="11"><title>${xml(m.title)}</title>` +
    `<rect width="100%" height="100%" fill="${m.dark ? "#16191e" : "#ffffff"}"/>` +
    `<clipPath id="box"><rect x="${n(box.left)}" y="${n(box.top)}" width="${n(box.width)}" height="${n(box.height)}"/></clipPath>` +
    `<text x="10" y="18" font-size="13" font-weight="600" fill="${m.dark ? "#e3e7ec" : "#1b2027"}">${xml(m.title)}</text>`;
  return new Blob([head, ...parts, "</svg>\n"], { type: "image/svg+xml" });
}

/** The values of a chart: a row for each cell of each curve. */
export function csvOf(m: ChartModel): string {
  const grouped = m.lines.some((l) => l.band);
  const many = m.lines.some((l) => l.curve.many);
  const labels = m.lines.some((l) => l.curve.labels);
  const axis = axisName(m.axis);
  const head = grouped
    ? ["group", "metric", ...(labels ? ["labels"] : []), axis, "mean", "low", "high", "runs"]
    : ["run", "name", "metric", ...(labels ? ["labels"] : []), ...(m.axis === "step" ? [] : [axis]), "step", "value", ...(many ? ["min", "max"] : [])];
  const rows = [head];
  for (const { of, name, curve, band } of m.lines) {
    for (let i = 0; i < curve.last.length; i++) {
      const place = String(curve.xs[i]);
      rows.push(
        band
          ? [of, m.metric, ...(labels ? [curve.labels] : []), place, band.mean[i], band.low[i], band.high[i], band.n[i]].map(String)
          : [
              ...[of, name, curve.metric, ...(labels ? [curve.labels] : []), ...(m.axis === "step" ? [] : [place]), String(curve.steps[i]), String(curve.last[i])],
              ...(many ? [curve.min[i], curve.max[i]].map((v) => (Number.isNaN(v) ? "" : String(v))) : []),
            ],
      );
    }
  }
  return toCSV(rows);
}

export function saveCSV(m: ChartModel): void {
  save(fileName(m, "csv"), new Blob([csvOf(m)], { type: "text/csv" }));
}
