// A chart of one metric of runs: curves, their names, what they are at the cursor, and a table of their values.

import { h } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { ofRuns, useVersion } from "../live";
import { Button, count, formatNumber, IconButton, Menu } from "../parts";
import type { Source } from "../source";
import "./chart.css";
import { type Colour, colours, palette } from "./colour";
import { type Cursor, leaveCursor, moveCursor, onCursor } from "./cursor";
import { type Curve, curveId, groupCurves } from "./decode";
import { type BandKind, band, nearestCell, type Span } from "./grid";
import { Legend, Swatch } from "./legend";
import { forgetLists, type LegendRun, loadLegend, type Question, useCurves } from "./load";
import { axesOf, type ChartModel, lookOf, manyCurves } from "./model";
import { axisName, placeText } from "./numbers";
import { type Line, type Look, paintCurve, paintLines } from "./paint";
import { type Box, type Place, Plot, type PlotOptions } from "./plot";
import { saveCSV, savePNG, saveSVG } from "./save";
import { CurveTable } from "./table";

/** Curves that a chart draws at most, and from which on it offers their mean. */
export const mostCurves = 200;
/** Buckets of all curves of a chart, so that an answer has at most 2 MB. */
const mostBuckets = 80_000;

export interface CurveChartProps {
  source: Source;
  /** The ids of the runs, in the order of the legend. */
  runs: string[];
  metric: string;
  /** step, time, relative, "metrics.KEY", or nothing for what the program defined. */
  x?: string;
  logX?: boolean;
  logY?: boolean;
  /** The weight of smoothing, 0 to less than 1. */
  smooth?: number;
  /** Whether the y axis reaches all values. */
  outliers?: boolean;
  /** Draws groups with a band instead of runs. */
  bands?: BandKind;
  /** What a group has in common: "all", "experiment", "group", or "params." and a key. */
  groupBy?: string;
  /** The part of the x axis that is shown. Without onZoom, the chart keeps it itself. */
  zoom?: Span;
  onZoom?(zoom: Span | undefined, axis: string): void;
  /** The runs or groups that are not drawn. Without onHide, the chart keeps them itself. */
  hidden?: ReadonlySet<string>;
  onHide?(hidden: ReadonlySet<string>): void;
  /** Asked when the chart has so many curves that a mean tells more. */
  onBands?(kind: BandKind): void;
  /** The name of the chart; otherwise that of the metric. */
  title?: string;
  /** What is known of the runs; otherwise the chart asks for it. */
  about?: LegendRun[];
  /** Names instead of those of the runs. */
  names?: ReadonlyMap<string, string>;
  /** In pixels. */
  height?: number;
  legend?: boolean;
}

export function CurveChart(props: CurveChartProps) {
  const root = useRef<HTMLElement>(null);
  const near = useNear(root);
  // What a reader chose stays while the chart is out of view.
  const zoom = useHeld(props.zoom, props.onZoom);
  const hidden = useHeld<ReadonlySet<string>>(props.hidden ?? noneHidden, props.onHide);
  const labels = useState<ReadonlySet<string>>(noneHidden);
  const table = useState(false);
  return (
    <figure class="chart" ref={root} aria-label={`${props.title ?? props.metric}, a chart`}>
      {near ? <Chart {...props} root={root} held={{ zoom, hidden, labels, table }} /> : <div class="chart-away" style={{ height: (props.height ?? 240) + 60 + "px" }} />}
    </figure>
  );
}

/** Whether an element is in view, or nearly, or has the focus. */
function useNear(root: { current: HTMLElement | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setNear(entries[entries.length - 1].isIntersecting || !!root.current?.contains(document.activeElement)), { rootMargin: "300px" });
    if (root.current) observer.observe(root.current);
    return () => observer.disconnect();
  }, []);
  return near;
}

/** The size of an element in pixels, or undefined as long as it is unknown. */
function useSize(element: { current: HTMLElement | null }, key: unknown): { width: number; height: number } | undefined {
  const [size, setSize] = useState<{ width: number; height: number }>();
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width > 0) setSize({ width: Math.floor(width), height: Math.floor(height) });
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [key]);
  return size;
}

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

/** Whether the background is dark. */
export function useDark(): boolean {
  const [dark, setDark] = useState(darkScheme.matches);
  useEffect(() => {
    const change = () => setDark(darkScheme.matches);
    darkScheme.addEventListener("change", change);
    return () => darkScheme.removeEventListener("change", change);
  }, []);
  return dark;
}

/** A value that the parent holds or, if it does not, the component. */
function useHeld<T>(given: T, set: ((value: T, axis: string) => void) | undefined): Held<T> {
  const [own, setOwn] = useState<{ value: T }>({ value: given });
  return set ? [given, set] : [own.value, (value) => setOwn({ value })];
}

function useLegend(source: Source, runs: string[], about: LegendRun[] | undefined): Map<string, LegendRun> {
  const [list, setList] = useState<Map<string, LegendRun>>(new Map());
  const version = useVersion(source, (c) => !about && ofRuns(c));
  useEffect(() => {
    let current = true;
    if (about) return setList(new Map(about.map((run) => [run.id, run])));
    if (version) forgetLists(source);
    loadLegend(source, { runs }).then(
      (all) => current && setList(new Map(all.map((run) => [run.id, run]))),
      () => current && setList(new Map()), // the curves say what is wrong
    );
    return () => {
      current = false;
    };
  }, [source, runs.join(), version, about]);
  return list;
}

type Held<T> = [T, (value: T, axis: string) => void];

interface ChartProps extends CurveChartProps {
  root: { current: HTMLElement | null };
  held: { zoom: Held<Span | undefined>; hidden: Held<ReadonlySet<string>>; labels: [ReadonlySet<string>, (ids: ReadonlySet<string>) => void]; table: [boolean, (on: boolean) => void] };
}

function Chart(props: ChartProps) {
  const { source, metric, root } = props;
  const [zoom, setZoom] = props.held.zoom;
  const [hidden, setHidden] = props.held.hidden;
  const [asTable, setTable] = props.held.table;
  const body = useRef<HTMLDivElement>(null);
  const size = useSize(body, asTable);
  const dark = useDark();
  const drawn = props.bands ? props.runs : props.runs.slice(0, mostCurves);
  const question: Question | undefined = size && {
    metric,
    runs: drawn,
    x: props.x ?? "",
    width: Math.max(200, Math.min(2000, Math.round(size.width / 100) * 100, Math.floor(mostBuckets / drawn.length))),
    zoom,
    smooth: props.smooth ?? 0,
    logX: props.logX ?? false,
    logY: props.logY ?? false,
  };
  const answers = useCurves(source, question);
  const info = useLegend(source, drawn, props.about);
  const lines = useLines(answers, props, info);
  // Which labels are not drawn, the chart knows alone: a page hides runs.
  const [hiddenLabels, setHiddenLabels] = props.held.labels;
  const shown = useMemo(() => lines.filter((l) => !hidden.has(l.of) && !hidden.has(l.id) && !hiddenLabels.has(l.id)), [lines, hidden, hiddenLabels]);
  const listed = props.legend !== false ? lines : lines.some((l) => l.curve.labels) ? lines.filter((l) => !hidden.has(l.of)) : [];
  const model = { ...props, axis: answers.curves?.x ?? props.x ?? "step", lines: shown, span: answers.curves?.span, zoom, dark, title: props.title ?? metric };
  const heading = useId();
  const zoomTo = (span: Span | undefined) => setZoom(span, model.axis);
  const fullscreen = () => void (document.fullscreenElement ? document.exitFullscreen() : root.current?.requestFullscreen());
  return (
    <div class="chart-inside" aria-busy={answers.loading}>
      <figcaption class="chart-head">
        <h3 id={heading} title={model.title}>
          {model.title}
        </h3>
        {zoom && <IconButton icon="reset" label="Show all of the x axis (0)" onClick={() => zoomTo(undefined)} />}
        <IconButton icon={asTable ? "chart" : "table"} label={asTable ? "Show the curves" : "Show the values as a table (t)"} onClick={() => setTable(!asTable)} />
        <Menu
          label="Save"
          icon="download"
          compact
          kind="quiet"
          items={[
            { text: "Picture (PNG)", onSelect: () => void savePNG(model) },
            { text: "Drawing (SVG)", onSelect: () => saveSVG(model) },
            { text: "Values (CSV)", onSelect: () => saveCSV(model) },
          ]}
        />
        {document.fullscreenEnabled && <IconButton icon="expand" label="Full screen (f)" onClick={fullscreen} />}
      </figcaption>
      <div class="chart-body" ref={body} style={{ height: (props.height ?? 240) + "px" }}>
        {asTable ? (
          <CurveTable lines={shown} axis={model.axis} title={model.title} />
        ) : size && answers.curves ? (
          <Canvas
            {...model}
            size={size}
            labelledBy={heading}
            onZoom={zoomTo}
            onKey={(key) => (key === "f" ? fullscreen() : key === "t" ? setTable(true) : undefined)}
          />
        ) : (
          !answers.error && <p class="chart-wait">Reading the points…</p>
        )}
      </div>
      {answers.error && (
        <p class="chart-error" role="alert">
          {answers.error.message}
        </p>
      )}
      <Notes {...props} lines={lines} shown={shown} zoomed={!!zoom} left={props.runs.length - drawn.length} />
      {(props.legend !== false || listed.length > 0) && (
        <Legend
          lines={listed}
          hidden={props.legend === false ? hiddenLabels : hidden}
          onHide={(next) => (props.legend === false ? setHiddenLabels(next) : setHidden(next, ""))}
          hues={palette(dark)}
          left={props.runs.length - drawn.length}
        />
      )}
    </div>
  );
}

const noneHidden: ReadonlySet<string> = new Set();

/** Makes the lines of a chart from its answers. */
function useLines(answers: ReturnType<typeof useCurves>, props: CurveChartProps, info: Map<string, LegendRun>): Line[] {
  return useMemo(() => {
    const { curves, raw } = answers;
    if (!curves) return [];
    const behind = new Map(raw?.curves.map((c) => [curveId(c), c]));
    if (props.bands) return groupLines(curves.curves, curves.places, props.bands, (id) => groupOf(props.groupBy ?? "all", info.get(id)));
    const colourOf = colours(props.runs);
    // An answer of before may still hold a run that is gone.
    const wanted = curves.curves.filter((c) => colourOf.has(c.run));
    const colour = seriesColours(wanted, colourOf);
    return wanted.map((c) => {
      const name = props.names?.get(c.run) ?? info.get(c.run)?.name ?? c.run.slice(16);
      return {
        id: curveId(c),
        of: c.run,
        name: labelled(name, c, colourOf.size === 1),
        detail: paramsText(info.get(c.run)),
        colour: colour(c),
        curve: c,
        raw: behind.get(curveId(c)),
      };
    });
  }, [answers.curves, answers.raw, props.bands, props.groupBy, props.names, props.runs.join(), info]);
}

/** The name of a curve: that of its run or group, and its labels. */
function labelled(name: string, c: Curve, alone: boolean): string {
  return !c.label ? name : alone ? c.label : `${name} {${c.label}}`;
}

/**
 * The colours of the curves of a chart. If there is one run, those with other labels differ in hue. Otherwise, the hue
 * says the run and the dash says the labels.
 */
function seriesColours(curves: Curve[], colourOf: Map<string, Colour>): (c: Curve) => Colour {
  const labels = [...new Set(curves.map((c) => c.labels))].sort();
  if (labels.length < 2 && !labels[0]) return (c) => colourOf.get(c.run)!;
  if (colourOf.size === 1) {
    const own = colours(curves.map(curveId));
    return (c) => own.get(curveId(c))!;
  }
  return (c) => ({ ...colourOf.get(c.run)!, dash: labels.indexOf(c.labels) % 3 });
}

/** The params of a run that differ, as text. */
export function paramsText(run: LegendRun | undefined): string {
  return Object.entries(run?.params ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** The name of the group that a run belongs to. */
export function groupOf(by: string, run: LegendRun | undefined): string {
  if (by === "all" || !run) return "all runs";
  const value = by.startsWith("params.") ? run.params[by.slice(7)] : by === "group" ? run.group : by === "status" ? run.status : run.experiment;
  return `${by.replace(/^params\./, "")} = ${value || "(none)"}`;
}

function groupLines(curves: Curve[], places: Float64Array, kind: BandKind, name: (run: string) => string): Line[] {
  const groups = groupCurves(curves, (c) => curveId({ run: name(c.run), labels: c.labels }));
  const ids = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const names = new Set(curves.map((c) => name(c.run)));
  const colour = seriesColours(ids.map((id) => ({ ...groups.get(id)![0], run: name(groups.get(id)![0].run) })), colours(names));
  return ids.map((id) => {
    const members = groups.get(id)!;
    const key = name(members[0].run);
    const b = band(members, places, kind);
    const sum = (of: (c: Curve) => number) => members.reduce((n, c) => n + of(c), 0);
    const curve: Curve = {
      ...members[0],
      run: key,
      error: "",
      all: sum((c) => c.all),
      lost: sum((c) => c.lost),
      points: sum((c) => c.points),
      nan: sum((c) => c.nan),
      inf: sum((c) => c.inf),
      low: sum((c) => c.low),
      many: false,
      at: Uint32Array.from(b.x, (_, i) => i),
      x: b.x,
      xs: b.x,
      steps: b.x,
      times: undefined,
      last: b.mean,
      min: b.mean,
      max: b.mean,
      marks: [],
    };
    return { id, of: key, name: labelled(key, curve, false), detail: count(members.length, "run"), colour: colour(curve), curve, band: b };
  });
}

/** What a chart cannot show, in words. */
function Notes(props: CurveChartProps & { lines: Line[]; shown: Line[]; zoomed: boolean; left: number }) {
  const { lines, shown } = props;
  const notes: string[] = [];
  const sum = (of: (c: Curve) => number) => shown.reduce((n, l) => n + of(l.raw ?? l.curve), 0);
  const points = sum((c) => c.points);
  const nan = sum((c) => c.nan);
  const inf = sum((c) => c.inf);
  const low = sum((c) => c.low);
  const lost = sum((c) => c.lost);
  if (lines.length && !points) notes.push(props.zoomed ? "No points here." : "No points.");
  else if (points && points === nan) notes.push(`Only NaN: ${count(points, "value")}.`);
  else if (nan + inf) notes.push(`Not finite: ${[nan && `${nan.toLocaleString("en-US")} NaN (✕)`, inf && `${count(inf, "infinity", "infinities")} (▲ ▼)`].filter(Boolean).join(", ")}.`);
  if (props.logY && low) notes.push(`${count(low, "value")} left out, because a logarithmic axis has nothing at or below 0.`);
  if (lost) notes.push(`${count(lost, "point")} left out, because their x is not on the axis.`);
  if (!props.source.live && props.zoomed && lines.some((l) => (l.raw ?? l.curve).many)) notes.push("This export has no more points than these: zooming shows no more.");
  const errors = lines.filter((l) => l.curve.error);
  const many = !props.bands && props.runs.length > manyCurves && props.onBands;
  if (!notes.length && !errors.length && !many && !props.left) return null;
  return (
    <div class="chart-notes">
      {props.left > 0 && <p>{`${count(mostCurves, "curve")} and ${props.left.toLocaleString("en-US")} more, which are not drawn.`}</p>}
      {many && (
        <p>
          {count(props.runs.length, "curve")} are hard to tell apart.{" "}
          <Button kind="link" onClick={() => props.onBands?.("std")}>
            Draw their mean and band
          </Button>
        </p>
      )}
      {notes.map((text) => (
        <p key={text}>{text}</p>
      ))}
      {errors.slice(0, 3).map((l) => (
        <p key={l.id} class="chart-error">{`${l.name}: ${l.curve.error}`}</p>
      ))}
      {errors.length > 3 && <p class="chart-error">{`${errors.length - 3} more runs could not be read.`}</p>}
    </div>
  );
}

/** The row of a line at the cursor. */
interface Row {
  line: Line;
  cell: number;
  /** From the pointer, in pixels. */
  away: number;
}

interface CanvasProps extends ChartModel {
  size: { width: number; height: number };
  labelledBy: string;
  onZoom(zoom: Span | undefined): void;
  onKey(key: string): void;
}

function Canvas(props: CanvasProps) {
  const place = useRef<HTMLDivElement>(null);
  const layer = useRef<HTMLCanvasElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const owner = useRef({}).current;
  const [at, setAt] = useState<{ cursor: Cursor; top?: number }>();
  const pointer = useRef<Place | undefined>(undefined);
  const axes = useMemo(() => axesOf(props), [props.lines, props.zoom, props.logX, props.logY, props.outliers, props.axis]);
  const look = lookOf(props);
  const options: PlotOptions = {
    ...props.size,
    ...axes,
    draw: (pen, box) => paintLines(pen, box, latest.current.lines, lookOf(latest.current)),
    onSelect: (span) => latest.current.onZoom(span),
    onReset: () => latest.current.onZoom(undefined),
    onPointer: (to) => {
      pointer.current = to;
      if (!to || !plot.current) return leaveCursor(owner);
      const found = nearest(latest.current, plot.current.box, to);
      if (found) moveCursor({ axis: latest.current.axis, x: found.line.curve.xs[found.cell], run: found.line.id, owner });
    },
  };
  useEffect(() => {
    const made = new Plot(place.current!, options);
    plot.current = made;
    return () => {
      plot.current = undefined;
      leaveCursor(owner);
      made.destroy();
    };
  }, []);
  const [, drawAgain] = useState(0);
  useEffect(() => {
    plot.current?.set(options);
    drawAgain((n) => n + 1); // what is at the cursor has moved with the axes
  }, [axes, props.size, props.lines, props.dark]);
  useEffect(
    () => onCursor((cursor) => setAt(cursor && cursor.axis === latest.current.axis ? { cursor, top: cursor.owner === owner ? pointer.current?.top : undefined } : undefined)),
    [],
  );
  const box = plot.current?.box;
  const rows = at && box ? rowsAt(props, box, at.cursor, at.top) : [];
  useEffect(() => {
    if (layer.current && plot.current) paintCursor(layer.current, plot.current, props, look, at?.cursor, rows);
  });
  const keys = useKeyboard(latest, plot, owner, pointer);
  return (
    <div
      class="chart-plot"
      ref={place}
      tabIndex={0}
      role="application"
      aria-roledescription="chart"
      aria-labelledby={props.labelledBy}
      aria-description="Arrow keys move over the recorded steps and the curves. Plus and minus zoom, 0 shows all, f fills the screen, t shows a table."
      onKeyDown={keys.onKeyDown}
      onBlur={() => leaveCursor(owner)}
    >
      <canvas class="chart-layer" ref={layer} aria-hidden="true" />
      {at && box && rows.length > 0 && <Tip main={at.cursor.owner === owner} axis={props.axis} cursor={at.cursor} rows={rows} box={box} hues={look.hues} size={props.size} />}
      <div class="chart-said" aria-live="polite">
        {keys.said}
      </div>
    </div>
  );
}

/** The point that is nearest to the pointer. Above and below count more than left and right. */
function nearest(m: ChartModel, box: Box, to: Place): { line: Line; cell: number } | undefined {
  const px = to.left * box.ratio;
  const py = to.top * box.ratio;
  const x = box.fromX(px);
  let best: { line: Line; cell: number } | undefined;
  let least = Infinity;
  for (const line of m.lines) {
    const cell = nearestCell(line.curve, x);
    if (cell < 0) continue;
    const dx = (box.toX(line.curve.x[cell]) - px) / box.ratio;
    const away = dx * dx * 0.25 + distance(line.curve, cell, box, py) ** 2;
    if (away < least || !best) [best, least] = [{ line, cell }, away];
  }
  return best;
}

/** How far the values of a cell are from a y of the canvas, in pixels of the page. */
function distance(c: Curve, cell: number, box: Box, py: number): number {
  const high = box.toY(c.max[cell]);
  const low = box.toY(c.min[cell]);
  if (!Number.isFinite(high + low)) return 1e4;
  return py < high ? (high - py) / box.ratio : py > low ? (py - low) / box.ratio : 0;
}

/** The lines that have a point near the cursor. */
function rowsAt(m: ChartModel, box: Box, cursor: Cursor, top?: number): Row[] {
  const rows: Row[] = [];
  const px = box.toX(cursor.x);
  if (!(px >= box.left - 1 && px <= box.left + box.width + 1)) return rows;
  for (const line of m.lines) {
    const cell = nearestCell(line.curve, cursor.x);
    if (cell < 0 || Math.abs(box.toX(line.curve.x[cell]) - px) > 24 * box.ratio) continue;
    const away = line.id === cursor.run ? -1 : top === undefined ? 0 : distance(line.curve, cell, box, top * box.ratio);
    rows.push({ line, cell, away });
  }
  return rows;
}

function paintCursor(layer: HTMLCanvasElement, plot: Plot, m: ChartModel, look: Look, cursor: Cursor | undefined, rows: Row[]): void {
  const { width, height } = plot.canvas;
  if (layer.width !== width || layer.height !== height) [layer.width, layer.height] = [width, height];
  const g = layer.getContext("2d")!;
  g.clearRect(0, 0, width, height);
  if (!cursor || !rows.length) return;
  const { box } = plot;
  const style = getComputedStyle(layer);
  g.save();
  g.beginPath();
  g.rect(box.left, box.top, box.width, box.height);
  g.clip();
  g.strokeStyle = style.getPropertyValue("--muted") || "#777";
  g.lineWidth = box.ratio;
  g.beginPath();
  g.moveTo(Math.round(box.toX(cursor.x)) + 0.5, box.top);
  g.lineTo(Math.round(box.toX(cursor.x)) + 0.5, box.top + box.height);
  g.stroke();
  const main = rows.find((r) => r.line.id === cursor.run);
  if (main && m.lines.length > 1) paintCurve(g, box, main.line.curve, main.line, look, 3);
  for (const { line, cell } of rows.length > 60 ? rows.filter((r) => r === main) : rows) {
    const y = Number.isFinite(line.curve.last[cell]) ? line.curve.last[cell] : line.curve.max[cell];
    g.beginPath();
    g.arc(box.toX(line.curve.x[cell]), box.toY(y), (line.id === cursor.run ? 4.5 : 3) * box.ratio, 0, 7);
    g.fillStyle = look.hues[line.colour.hue];
    g.fill();
    g.lineWidth = 1.5 * box.ratio;
    g.strokeStyle = style.getPropertyValue("--surface") || "#fff";
    g.stroke();
  }
  g.restore();
}

/** Rows in the chart under the pointer, and in the others. */
const mostRows = 10;
const fewRows = 5;

function Tip(props: { main: boolean; axis: string; cursor: Cursor; rows: Row[]; box: Box; hues: readonly string[]; size: { width: number; height: number } }) {
  const { rows, cursor, box, axis } = props;
  const near = [...rows].sort((a, b) => a.away - b.away).slice(0, props.main ? mostRows : fewRows);
  const value = ({ line, cell }: Row) => (Number.isNaN(line.curve.last[cell]) ? -Infinity : line.curve.last[cell]);
  near.sort((a, b) => value(b) - value(a));
  const px = box.toX(cursor.x) / box.ratio;
  const right = px > props.size.width / 2;
  const main = rows.find((r) => r.line.id === cursor.run);
  const range = props.main && main && main.line.curve.many && main.line.curve.min[main.cell] < main.line.curve.max[main.cell];
  return (
    <div class="chart-tip" style={right ? { right: props.size.width - px + 12 + "px" } : { left: px + 12 + "px" }}>
      <div class="chart-tip-head">{`${axis === "time" || axis === "relative" ? "" : axisName(axis) + " "}${placeText(axis, cursor.x)}`}</div>
      <table>
        <tbody>
          {near.map(({ line, cell }) => (
            <tr key={line.id} class={line.id === cursor.run ? "near" : undefined}>
              <td>
                <Swatch colour={line.colour} hues={props.hues} />
              </td>
              <td class="chart-tip-name">{line.name}</td>
              <td class="chart-tip-value">{formatNumber(line.curve.last[cell])}</td>
              <td class="chart-tip-step">{stepNote(axis, line, cell, cursor.x)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > near.length && <div class="chart-tip-more">{`and ${rows.length - near.length} more`}</div>}
      {range && (
        <div class="chart-tip-more">{`${main.line.name}: ${formatNumber(main.line.curve.min[main.cell])} to ${formatNumber(main.line.curve.max[main.cell])} around here`}</div>
      )}
    </div>
  );
}

/** The place of a value if it is not that of the cursor, and how many curves a mean has. */
function stepNote(axis: string, line: Line, cell: number, x: number): string {
  const own = line.curve.xs[cell];
  const place = placeText(axis, own);
  const notes = [place !== placeText(axis, x) && "at " + (axis === "time" ? place.slice(11) : place), line.band && `± ${formatNumber((line.band.high[cell] - line.band.low[cell]) / 2)}, n=${line.band.n[cell]}`];
  return notes.filter(Boolean).join(" ");
}

/** Moves the cursor by keys, and says what it is on. */
function useKeyboard(
  latest: { current: CanvasProps },
  plot: { current: Plot | undefined },
  owner: object,
  pointer: { current: Place | undefined },
) {
  const [said, say] = useState("");
  const at = useRef({ line: 0, cell: -1 });
  const go = (line: number, move: (cell: number, length: number) => number) => {
    const m = latest.current;
    if (!m.lines.length) return say("No curves are shown.");
    const chosen = (line + m.lines.length) % m.lines.length;
    const from = m.lines[at.current.line % m.lines.length].curve;
    const { curve, id, name } = m.lines[chosen];
    if (!curve.xs.length) return say(`${name}: no points`);
    const start = at.current.cell < 0 ? -1 : chosen === at.current.line ? at.current.cell : nearestCell(curve, from.x[Math.min(at.current.cell, from.x.length - 1)] ?? 0);
    const cell = Math.max(0, Math.min(curve.xs.length - 1, move(start, curve.xs.length)));
    at.current = { line: chosen, cell };
    pointer.current = undefined;
    moveCursor({ axis: m.axis, x: curve.xs[cell], run: id, owner });
    say(`${name}, ${axisName(m.axis)} ${placeText(m.axis, curve.xs[cell])}: ${formatNumber(curve.last[cell])}`);
  };
  const zoomBy = (factor: number) => {
    const m = latest.current;
    const box = plot.current?.box;
    if (!box) return;
    const line = m.lines[at.current.line % Math.max(1, m.lines.length)];
    const middle = at.current.cell >= 0 && line?.curve.x.length ? box.toX(line.curve.x[Math.min(at.current.cell, line.curve.x.length - 1)]) : box.left + box.width / 2;
    const half = (box.width / 2) * factor;
    const all = axesOf({ ...m, zoom: undefined }).x;
    const span: Span = [Math.max(all[0], box.fromX(middle - half)), Math.min(all[1], box.fromX(middle + half))];
    if (m.zoom && factor > 1 && span[0] === m.zoom[0] && span[1] === m.zoom[1]) return m.onZoom(undefined);
    if (span[1] > span[0]) m.onZoom(span);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const { line } = at.current;
    const step = e.shiftKey ? 10 : 1;
    const actions: Record<string, () => void> = {
      ArrowRight: () => go(line, (cell) => cell + step),
      ArrowLeft: () => go(line, (cell, length) => (cell < 0 ? length - 1 : cell - step)),
      ArrowDown: () => go(line + 1, (cell) => cell),
      ArrowUp: () => go(line - 1, (cell) => cell),
      Home: () => go(line, () => 0),
      End: () => go(line, (_, length) => length - 1),
      "+": () => zoomBy(0.5),
      "=": () => zoomBy(0.5),
      "-": () => zoomBy(2),
      "0": () => latest.current.onZoom(undefined),
      Escape: () => leaveCursor(owner),
      f: () => latest.current.onKey("f"),
      t: () => latest.current.onKey("t"),
    };
    const act = actions[e.key];
    if (!act) return;
    if (e.key !== "Escape") e.preventDefault();
    e.stopPropagation();
    act();
  };
  return { said, onKeyDown };
}
