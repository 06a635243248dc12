import { h } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "./props";
import { CurveChart, colours, mostCurves, palette, useDark } from "../chart";
import { groupOf, paramsText } from "../chart/chart";

import { Legend } from "../chart/legend";
import { forgetLists, type LegendRun, loadLegend, loadMetrics, type MetricInfo, type RunChoice } from "../chart/load";
import { ofRuns, useVersion } from "../live";
import { useLoading } from "../loading";
import { placeLink, replaceParams } from "../location";
import { Button, Choice, Command, count, EmptyState, ErrorBox, PageHead, SearchField, Select, shellLine, Toggle, Waiting } from "../parts";
import { loadTable } from "../table/load";
import { filterRows } from "../table/view";
import { defaultClosed, matcher, readList, readView, type Section, sections, writeList } from "./charts_view";
import "./charts.css";

/** Charts of a section that are on the page before a reader asks for more. */
const chartsAtOnce = 60;
const sizes = { s: [300, 150], m: [420, 220], l: [760, 340] } as const;

export function ChartsPage({ source, project, place: { params } }: PageProps) {
  const chosen = params.get("runs");
  const where = params.get("where") ?? "";
  const version = useVersion(source, ofRuns);
  const choice: RunChoice = chosen ? { runs: chosen.split(",") } : where ? { where } : { newest: 10 };
  const runs = useLoading(() => {
    if (version) forgetLists(source);
    return !source.live && where && !chosen ? matching(source, where).then((ids) => loadLegend(source, { runs: ids })) : loadLegend(source, choice);
  }, [source, chosen, where, version]);
  const ids = useMemo(() => runs.value?.map((r) => r.id), [runs.value?.map((r) => r.id).join()]);
  const metrics = useLoading(async () => (ids?.length ? loadMetrics(source, ids) : []), [source, ids, version]);
  const missing = (choice.runs?.length ?? 0) - (runs.value?.length ?? 0);
  const error = runs.error ?? metrics.error;
  let about = chosen ? "marked" : where ? "" : "newest";
  if (runs.value) about = count(runs.value.length, about ? about + " run" : "run");
  return (
    <div class="charts">
      <PageHead title="Charts">
        {runs.value && (
          <span class="muted">
            {about}
            {!chosen && where && (
              <span>
                {" where "}
                <code>{where}</code>
              </span>
            )}
            {missing > 0 && ` · ${missing} not here`}
            {" · "}
            {params.get("zoom") && (
              <span>
                <Button kind="link" onClick={() => replaceParams({ zoom: "" })}>
                  reset the zoom
                </Button>
                {" · "}
              </span>
            )}
            <a href={placeLink(["runs"], new URLSearchParams(chosen ? { runs: chosen } : where ? { where } : {}))}>choose others</a>
          </span>
        )}
      </PageHead>
      {error && <ErrorBox error={error} />}
      {!error && !(runs.value && metrics.value) && <Waiting>Reading the metrics…</Waiting>}
      {runs.value && metrics.value && ids && !ids.length && (
        <EmptyState title={project.runs ? "No run matches" : "No runs yet"}>
          <p>{project.runs ? "Choose others on the page Runs." : "Their curves will be here."}</p>
        </EmptyState>
      )}
      {runs.value && metrics.value && !!ids?.length && (
        <Charts source={source} primary={project.primary} params={params} runs={runs.value} ids={ids} metrics={metrics.value} />
      )}
    </div>
  );
}

/** The runs of an export that match an expression. */
async function matching(source: PageProps["source"], where: string): Promise<string[]> {
  const table = await loadTable(source);
  const rows = filterRows(table, { where, experiment: "", statuses: [], sort: "", group: [] }, new Date());
  return Array.from(rows, (row) => table.ids[row]);
}

interface ChartsProps {
  source: PageProps["source"];
  primary: string;
  params: URLSearchParams;
  runs: LegendRun[];
  ids: string[];
  metrics: MetricInfo[];
}

function Charts({ source, primary, params, runs, ids, metrics }: ChartsProps) {
  const view = readView(params);
  const dark = useDark();
  const grouped = view.by !== "";
  const lines = useMemo(() => legendOf(runs, view.by), [runs, view.by]);
  const names = lines.map((l) => l.id);
  const short = (id: string) => (grouped ? id : id.slice(16));
  const hidden = useMemo(() => {
    const listed = new Set(readList(view.hide || view.only));
    return new Set(names.filter((id) => listed.has(short(id)) === !view.only && (view.hide || view.only)));
  }, [names.join(), view.hide, view.only, grouped]);
  const hide = (next: ReadonlySet<string>) => {
    const few = next.size <= names.length / 2;
    const list = writeList(names.filter((id) => next.has(id) === few).map(short));
    // Nothing is left to show if all are hidden: then all are named.
    replaceParams(few || !list ? { hide: few ? list : writeList(names.map(short)), only: "" } : { hide: "", only: list });
  };
  const test = matcher(view.search);
  const found = metrics.filter((m) => (view.hiddenToo || !m.hidden) && test.matches(m.key));
  const parts = sections(found, primary);
  const concealed = metrics.filter((m) => m.hidden).length;
  return (
    <div>
      <Controls source={source} view={view} runs={runs} metrics={metrics} concealed={concealed} problem={test.problem} />
      <div class="charts-columns">
        <aside class="charts-runs" aria-label="Runs">
          {!grouped && runs.length > 30 && (
            <p class="small muted">
              {count(runs.length, "curve")} are hard to tell apart.{" "}
              <Button kind="link" onClick={() => replaceParams({ by: "all" })}>
                Draw their mean and band
              </Button>
            </p>
          )}
          <Legend
            lines={lines.slice(0, mostCurves)}
            hidden={hidden}
            onHide={hide}
            hues={palette(dark)}
            left={Math.max(0, lines.length - mostCurves)}
            link={grouped ? undefined : (id) => placeLink(["run", id])}
          />
          {hidden.size > 0 && (
            <Button kind="link" onClick={() => hide(new Set())}>
              Show all
            </Button>
          )}
        </aside>
        <div class="charts-parts">
          {parts.map((part, i) => (
            <Part key={part.prefix} part={part} view={view} at={i} all={parts.length} source={source} ids={ids} hidden={hidden} onHide={hide} runs={runs} />
          ))}
          {!found.length && <p class="muted">{metrics.length ? "No metric matches." : "These runs have no metrics."}</p>}
          <Command command={plotCommand(ids, found, view)} label="The same in a shell" />
        </div>
      </div>
    </div>
  );
}

/** What the legend lists: the runs, or the groups. */
function legendOf(runs: LegendRun[], by: string) {
  if (!by) {
    const colourOf = colours(runs.map((r) => r.id));
    return runs.map((r) => ({ id: r.id, name: r.name, detail: paramsText(r), colour: colourOf.get(r.id)! }));
  }
  const sizes = new Map<string, number>();
  for (const run of runs) sizes.set(groupOf(by, run), (sizes.get(groupOf(by, run)) ?? 0) + 1);
  const names = [...sizes.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const colourOf = colours(names);
  return names.map((name) => ({ id: name, name, detail: count(sizes.get(name)!, "run"), colour: colourOf.get(name)! }));
}

type View = ReturnType<typeof readView>;

function Controls(props: {
  source: ChartsProps["source"];
  view: View;
  runs: LegendRun[];
  metrics: MetricInfo[];
  concealed: number;
  problem: string;
}) {
  const { view, runs, metrics, source } = props;
  const keys = [...new Set(runs.flatMap((r) => Object.keys(r.params)))].sort();
  const axes = [
    ["", "x: as defined"],
    ["step", "x: step"],
    ["relative", "x: time since the start"],
    ["time", "x: time"],
    ...(source.live ? metrics.map((m) => ["metrics." + m.key, "x: " + m.key] as const) : []),
  ] as const;
  const groups = [
    ["", "Each run"],
    ["all", "Mean of all runs"],
    ["experiment", "Mean by experiment"],
    ["group", "Mean by group"],
    ["status", "Mean by status"],
    ...keys.map((key) => ["params." + key, "Mean by " + key] as const),
  ] as const;
  return (
    <div class="charts-controls" role="toolbar" aria-label="Charts">
      <SearchField label="Search the metrics" placeholder="Metrics: text or /regular expression/" value={view.search} delay={150} onInput={(q) => replaceParams({ q })} />
      <Select label="The x axis" hideLabel value={view.x} options={axes.slice(0, 500)} onChange={(x) => replaceParams({ x, zoom: "" })} />
      <Toggle label="log x" on={view.logX} onChange={(on) => replaceParams({ logx: on ? "1" : "" })} />
      <Toggle label="log y" on={view.logY} onChange={(on) => replaceParams({ logy: on ? "1" : "" })} />
      <Smoothing weight={view.smooth} />
      <Toggle label="outliers" on={view.outliers} title="Whether the y axis reaches all values" onChange={(on) => replaceParams({ outliers: on ? "" : "off" })} />
      <Select label="What a curve is" hideLabel value={view.by} options={groups} onChange={(by) => replaceParams({ by, hide: "", only: "" })} />
      {view.by && (
        <Select
          label="The band"
          hideLabel
          value={view.band}
          options={[
            ["std", "± standard deviation"],
            ["stderr", "± standard error"],
            ["minmax", "least to greatest"],
          ]}
          onChange={(band) => replaceParams({ band: band === "std" ? "" : band })}
        />
      )}
      <Choice
        label="Size"
        hideLabel
        value={view.size}
        options={[
          ["s", "S"],
          ["m", "M"],
          ["l", "L"],
        ]}
        onChange={(size) => replaceParams({ size: size === "m" ? "" : size })}
      />
      {props.concealed > 0 && <Toggle label={`hidden (${props.concealed})`} on={view.hiddenToo} onChange={(on) => replaceParams({ hidden: on ? "1" : "" })} />}
      {props.problem && (
        <span class="charts-problem" role="alert">
          {props.problem}
        </span>
      )}
    </div>
  );
}

function Smoothing({ weight }: { weight: number }) {
  const [held, hold] = useState<number>();
  const timer = useRef(0);
  const set = (value: number) => {
    hold(value);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      hold(undefined);
      replaceParams({ smooth: value > 0 && value < 1 ? String(value) : "" });
    }, 120);
  };
  const shown = held ?? weight;
  return (
    <label class="charts-smooth" title="The weight of an exponential moving average; the recorded points stay behind it">
      <span class="muted">smooth</span>
      <input type="range" min="0" max="0.99" step="0.01" value={String(shown)} onInput={(e) => set(Number(e.currentTarget.value))} />
      <output>{shown.toFixed(2)}</output>
    </label>
  );
}

function Part(props: {
  part: Section;
  view: View;
  at: number;
  all: number;
  source: ChartsProps["source"];
  ids: string[];
  runs: LegendRun[];
  hidden: ReadonlySet<string>;
  onHide(hidden: ReadonlySet<string>): void;
}) {
  const { part, view } = props;
  const [most, setMost] = useState(chartsAtOnce);
  const folded = readList(view.fold);
  const usual = defaultClosed(part, props.at, props.all) && !view.search;
  const closed = folded.includes(part.prefix) !== usual;
  const toggle = (open: boolean) => {
    if (open === !closed) return;
    const others = folded.filter((prefix) => prefix !== part.prefix);
    replaceParams({ fold: writeList(open === usual ? [...others, part.prefix] : others) });
  };
  const [width, height] = sizes[view.size];
  return (
    <details class="section charts-part" open={!closed} onToggle={(e) => toggle(e.currentTarget.open)}>
      <summary>
        <h2>{part.prefix || "metrics"}</h2>
        <span class="count">{part.metrics.length.toLocaleString("en-US")}</span>
      </summary>
      {!closed && (
        <div class="charts-grid" style={{ "--chart-width": width + "px" }}>
          {part.metrics.slice(0, most).map((m) => {
            const axis = view.x || (m.x ? "metrics." + m.x : "step");
            return (
              <CurveChart
                key={m.key}
                source={props.source}
                runs={props.ids}
                about={props.runs}
                metric={m.key}
                x={view.x}
                logX={view.logX}
                logY={view.logY}
                smooth={view.smooth}
                outliers={view.outliers}
                bands={view.by ? view.band : undefined}
                groupBy={view.by}
                zoom={view.zoom?.axis === axis ? view.zoom.span : undefined}
                onZoom={(span, on) => replaceParams({ zoom: span ? `${on}:${span[0]}:${span[1]}` : "" })}
                hidden={props.hidden}
                onHide={props.onHide}
                height={height}
                legend={false}
              />
            );
          })}
        </div>
      )}
      {!closed && part.metrics.length > most && (
        <Button onClick={() => setMost(most + chartsAtOnce)}>{`Show ${Math.min(chartsAtOnce, part.metrics.length - most)} more of ${part.metrics.length - most}`}</Button>
      )}
    </details>
  );
}

/** The command that draws the same charts. It takes at most 16 runs. */
function plotCommand(ids: string[], found: MetricInfo[], view: View): string {
  const words = ["runs", "plot", ...ids.slice(0, 16).map((id) => id.slice(16)), ...found.slice(0, 6).map((m) => m.key)];
  if (view.smooth) words.push("--smooth", String(view.smooth));
  if (view.logY) words.push("--log-y");
  if (["step", "time", "relative"].includes(view.x)) words.push("--x", view.x);
  return shellLine(...words);
}

