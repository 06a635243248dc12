// Which answers a chart asks for, and how they stay current.

import { visible } from "../parts/format";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Changes, useChanges } from "../live";
import type { Source } from "../source";
import { type Curve, type Curves, decodeCurves, groupCurves } from "./decode";
import { append, type Span, xRange } from "./grid";
import { smooth } from "./smooth";

/** A metric that can be drawn. Its place in the list is the name of its curves in an export. */
export interface MetricInfo {
  key: string;
  runs: number;
  /** Of the run that has most. */
  points: number;
  /** The metric that is its x axis. */
  x?: string;
  goal?: string;
  hidden?: boolean;
}

/** What a legend says about a run. */
export interface LegendRun {
  id: string;
  name: string;
  status: string;
  active?: boolean;
  experiment?: string;
  group?: string;
  /** In ms since 1970. */
  started: number;
  /** Those that differ among the runs of the answer. */
  params: Record<string, string>;
}

export interface Question {
  metric: string;
  runs: string[];
  /** step, time, relative, "metrics.KEY", or "" for what the program defined. */
  x: string;
  width: number;
  zoom?: Span;
  smooth: number;
  logX: boolean;
  logY: boolean;
}

/** Answers that were read last, by question. */
class Recent<T> {
  private readonly held = new Map<string, Promise<T>>();
  constructor(private readonly most: number) {}

  get(key: string, load: () => Promise<T>): Promise<T> {
    let value = this.held.get(key);
    if (value) this.held.delete(key);
    else {
      value = load();
      value.catch(() => this.held.delete(key));
    }
    this.held.set(key, value);
    for (const oldest of this.held.keys()) {
      if (this.held.size <= this.most) break;
      this.held.delete(oldest);
    }
    return value;
  }

  drop(key: string): void {
    this.held.delete(key);
  }
}

interface Kept {
  /** When the lists were forgotten. */
  forgotten: number;
  curves: Recent<Curves>;
  legends: Recent<LegendRun[]>;
  metrics: Recent<MetricInfo[]>;
}

const kept = new WeakMap<Source, Kept>();

function keptOf(source: Source): Kept {
  let k = kept.get(source);
  if (!k) kept.set(source, (k = { forgotten: 0, curves: new Recent(32), legends: new Recent(8), metrics: new Recent(8) }));
  return k;
}

/** Ids as a parameter: of many runs only their random parts, because an address is short. */
export function idList(ids: string[]): string {
  return (ids.length > 300 ? ids.map((id) => id.slice(16)) : ids).join(".");
}

/** Forgets what the lists of metrics and legends were: the runs have changed. All charts of a page ask for this at once. */
export function forgetLists(source: Source): void {
  const k = keptOf(source);
  if (performance.now() - k.forgotten < 200) return;
  k.forgotten = performance.now();
  k.legends = new Recent(8);
  k.metrics = new Recent(8);
}

/** The metrics of runs or, in an export, of all runs. */
export async function loadMetrics(source: Source, runs: string[]): Promise<MetricInfo[]> {
  const params = source.live ? { runs: idList(runs) } : undefined;
  return keptOf(source).metrics.get(params?.runs ?? "", async () => {
    return (await source.json<{ metrics: MetricInfo[] }>("metrics.json", params)).metrics;
  });
}

/** Which runs a view has: by their ids, by an expression, or the newest. */
export interface RunChoice {
  runs?: string[];
  where?: string;
  newest?: number;
}

async function readLegend(source: Source, params?: Record<string, string>): Promise<LegendRun[]> {
  const { runs } = await source.json<{ runs: LegendRun[] }>("legend.json", params);
  return runs.map((run) => ({ ...run, name: visible(run.name) }));
}

export async function loadLegend(source: Source, choice: RunChoice): Promise<LegendRun[]> {
  const legends = keptOf(source).legends;
  if (!source.live) {
    const all = await legends.get("", () => readLegend(source));
    if (!choice.runs) return choice.newest ? differing(all.slice(0, choice.newest)) : all;
    const byId = new Map(all.map((run) => [run.id, run]));
    return differing(choice.runs.flatMap((id) => byId.get(id) ?? []));
  }
  const params: Record<string, string> = choice.runs
    ? { runs: idList(choice.runs) }
    : choice.where
      ? { where: choice.where }
      : { newest: String(choice.newest ?? 10) };
  return legends.get(JSON.stringify(params), () => readLegend(source, params));
}

/** The runs with only those params that differ among them. */
function differing(runs: LegendRun[]): LegendRun[] {
  const keys = new Set(runs.flatMap((run) => Object.keys(run.params)));
  for (const key of keys) if (runs.every((run) => run.params[key] === runs[0].params[key])) keys.delete(key);
  return runs.map((run) => ({ ...run, params: Object.fromEntries(Object.entries(run.params).filter(([key]) => keys.has(key))) }));
}

function paramsOf(q: Question): Record<string, string> {
  const params: Record<string, string> = { key: q.metric, runs: idList(q.runs), width: String(q.width) };
  if (q.x) params.x = q.x;
  if (q.smooth) params.smooth = String(q.smooth);
  if (q.zoom) [params.from, params.to] = q.zoom.map(String);
  const log = (q.logX ? "x" : "") + (q.logY ? "y" : "");
  if (log) params.log = log;
  return params;
}

/** Reads the curves of a question. */
export async function loadCurves(source: Source, q: Question, fresh = false): Promise<Curves> {
  if (!source.live) return loadExported(source, q);
  const params = paramsOf(q);
  const key = JSON.stringify(params);
  const { curves } = keptOf(source);
  if (fresh) curves.drop(key);
  const answer = curves.get(key, async () => decodeCurves(await source.bytes("curves.bin", params)));
  if ((await answer).curves.some((c) => c.active)) curves.drop(key);
  return answer;
}

/** Why an export cannot answer a question, or "". */
export function beyondExport(q: Question, metric?: MetricInfo): string {
  if (!metric) return "The export does not have this metric.";
  const own = metric.x ? "metrics." + metric.x : "step";
  if (q.x.startsWith("metrics.") && q.x !== own) return "Only 'runs ui' can draw by another metric: the page is an export.";
  return "";
}

async function loadExported(source: Source, q: Question): Promise<Curves> {
  const metrics = await loadMetrics(source, []);
  const n = metrics.findIndex((m) => m.key === q.metric);
  const beyond = beyondExport(q, metrics[n]);
  if (beyond) throw new Error(beyond);
  const all = await keptOf(source).curves.get(String(n), async () => decodeCurves(await source.bytes(`curves/${n}.bin`)));
  const began = new Map((await loadLegend(source, {})).map((run) => [run.id, run.started / 1000]));
  const byRun = groupCurves(all.curves);
  const x = q.x || all.x;
  const curves = q.runs.flatMap((id) => (byRun.get(id) ?? []).map((c) => exported(c, all.x, x, began.get(id) ?? 0, q.smooth)));
  if (x === all.x) return { ...all, curves };
  // The places are on another axis: means are of even parts of this one.
  const [from, to] = xRange(curves, false) ?? [0, 0];
  const places = Float64Array.from({ length: 500 }, (_, i) => from + ((to - from) * i) / 499);
  return { ...all, x, exact: false, span: undefined, places, curves };
}

/** A curve of an export by another axis, smoothed over the points that it has. */
function exported(c: Curve, from: string, x: string, began: number, weight: number): Curve {
  let moved = c;
  if (x !== from) {
    const shift = x === "relative" ? began : 0;
    const xs = x === "step" ? c.steps : Float64Array.from(c.times ?? c.steps, (t) => t - shift);
    moved = x === "step" || isSorted(xs) ? { ...c, x: xs, xs } : sorted(c, xs);
  }
  if (!weight) return moved;
  const last = smooth(moved.last, weight);
  const finite = last.map((v) => (Number.isFinite(v) ? v : NaN));
  return { ...moved, last, min: finite, max: finite, many: false };
}

function isSorted(list: Float64Array): boolean {
  for (let i = 1; i < list.length; i++) if (list[i] < list[i - 1]) return false;
  return true;
}

function sorted(c: Curve, xs: Float64Array): Curve {
  const order = Array.from(xs, (_, i) => i).sort((a, b) => xs[a] - xs[b]);
  const place = new Map(order.map((from, to) => [from, to]));
  const take = (list: Float64Array) => Float64Array.from(order, (i) => list[i]);
  return {
    ...c,
    x: take(xs),
    xs: take(xs),
    last: take(c.last),
    min: take(c.min),
    max: take(c.max),
    steps: take(c.steps),
    times: c.times && take(c.times),
    marks: c.marks.map((m) => ({ ...m, cell: place.get(m.cell) ?? m.cell })),
  };
}

export interface Answers {
  /** The curves to draw: smoothed if that is asked for. */
  curves?: Curves;
  /** The curves as they were recorded, behind smoothed ones. */
  raw?: Curves;
  error?: Error;
  loading: boolean;
}

/**
 * The curves of a question, or nothing as long as it is undefined. While the next answer loads, the one before stays.
 * Points that are logged are added as they come; a run that ends is read again.
 */
export function useCurves(source: Source, q: Question | undefined): Answers {
  const [state, setState] = useState<Answers>({ loading: true });
  const key = q && JSON.stringify(q);
  const follower = useRef<Follower>(undefined);
  useEffect(() => {
    if (!q) return;
    setState((s) => ({ ...s, loading: true }));
    const f = new Follower(source, q, (s) => setState((before) => ({ ...before, error: undefined, ...s, loading: false })));
    follower.current = f;
    return () => f.stop();
  }, [source, key]);
  useChanges(source, (changes) => follower.current?.change(changes));
  return state;
}

/** Reads the curves of a question, one request after the other, and follows the runs that are in progress. */
class Follower {
  private raw?: Curves;
  private smoothed?: Curves;
  private stopped = false;
  private busy = true;
  private next?: "more" | "all";

  constructor(
    private readonly source: Source,
    private readonly q: Question,
    private readonly tell: (s: Partial<Answers>) => void,
  ) {
    void this.work("first");
  }

  stop(): void {
    this.stopped = true;
  }

  change(c: Changes): void {
    const mine = (ids: string[] = []) => ids.filter((id) => this.q.runs.includes(id));
    // The record of an active run changes with its points. If it has ended, its last points say so.
    const active = new Set(this.raw?.curves.flatMap((curve) => (curve.active ? [curve.run] : [])));
    const changed = mine(c.changed);
    if (c.reset || mine(c.added).length || changed.some((id) => !active.has(id))) this.next = "all";
    else if (changed.length || mine(c.points).length) this.next ??= "more";
    if (this.next && !this.busy) void this.work(this.next);
  }

  private async work(what: "first" | "more" | "all"): Promise<void> {
    this.busy = true;
    this.next = undefined;
    try {
      if (what !== "more" || !(await this.more())) await this.all(what === "all");
      if (!this.stopped) {
        this.tell(this.q.smooth ? { curves: this.smoothed, raw: this.raw } : { curves: this.raw, raw: undefined });
      }
    } catch (error) {
      if (!this.stopped) this.tell({ error: error as Error });
    }
    this.busy = false;
    if (this.next && !this.stopped) void this.work(this.next);
  }

  private async all(fresh: boolean): Promise<void> {
    const raw = loadCurves(this.source, { ...this.q, smooth: 0 }, fresh);
    if (this.q.smooth) this.smoothed = keepGone(this.smoothed, await loadCurves(this.source, this.q, fresh));
    this.raw = keepGone(this.raw, await raw);
  }

  /** Reads only new points. Returns false if that is not enough. */
  private async more(): Promise<boolean> {
    const { source, q } = this;
    if (!this.raw || q.zoom) return false;
    const raw = await loadMore(source, { ...q, smooth: 0 }, this.raw);
    const smoothed = q.smooth && this.smoothed ? await loadMore(source, q, this.smoothed) : undefined;
    if (!raw || (q.smooth && !smoothed)) return false;
    [this.raw, this.smoothed] = [raw, smoothed];
    return true;
  }
}

/** Keeps the curves of runs that are gone: they come back, or leave the page. */
function keepGone(before: Curves | undefined, now: Curves): Curves {
  if (!before || !now.curves.some((c) => c.gone)) return now;
  const byRun = groupCurves(before.curves);
  return { ...now, curves: now.curves.flatMap((c) => (c.gone && byRun.get(c.run)) || c) };
}

/** Asks for the points of active runs after those that curves have, and adds them. */
async function loadMore(source: Source, q: Question, curves: Curves): Promise<Curves | undefined> {
  const active = curves.curves.filter((c) => c.active && !c.error);
  if (!active.length) return curves;
  if (active.some((c) => c.labels)) return undefined; // one place cannot say what the curves of several labels have
  const after = active.map((c) => (c.xs.length ? c.xs[c.xs.length - 1] : -Number.MAX_VALUE));
  const params = paramsOf({ ...q, runs: active.map((c) => c.run), zoom: undefined, x: curves.x });
  params.after = after.join(",");
  return append(curves, decodeCurves(await source.bytes("curves.bin", params)));
}
