import { Fragment, h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "./props";
import { readSides, writeSides } from "../compare/sides";
import { placeLink, replaceParams } from "../location";
import { announce, Button, Command, count, EmptyState, ErrorBox, PageHead, shellLine, Tabs, Waiting } from "../parts";
import { Axes, expressionKey, usualAxes, usualPair } from "../relations/axes";
import { type Brush, brushed, expressionOf, readBrushes } from "../relations/brush";
import { Importance } from "../relations/importance";
import { Parallel } from "../relations/parallel";
import { Scatter } from "../relations/scatter";
import type { RunTable } from "../table/columns";
import { ExpressionError } from "../table/expression";
import { useTable } from "../table/load";
import { type Choice, filterRows, whereOf } from "../table/view";
import { FilterLine } from "./runs_filter";
import "./relations.css";

const tabs = [
  { id: "scatter", title: "Scatter" },
  { id: "parallel", title: "Parallel coordinates" },
  { id: "importance", title: "Params and metric" },
];

export function RelationsPage({ source, place }: PageProps) {
  const { params } = place;
  const { table, error, wantMore } = useTable(source);
  const choice = choiceOf(params);
  const key = JSON.stringify(choice);
  const filtered = useMemo(() => (table ? filter(table, choice) : undefined), [table, key]);
  useEffect(() => {
    if (table?.wantsMore && !table.complete) wantMore();
  });
  const view = tabs.some((t) => t.id === params.get("view")) ? params.get("view")! : "scatter";
  return (
    <div class="relations">
      <PageHead title="Relations" />
      {error && !table ? (
        <ErrorBox error={error} />
      ) : !table || !filtered ? (
        <Waiting>Reading the runs…</Waiting>
      ) : table.rows === 0 ? (
        <EmptyState title="No runs">
          <p>
            <code>runs exec -- python train.py</code> records the first one.
          </p>
        </EmptyState>
      ) : (
        <Fragment>
          <div class="bar relations-where">
            <FilterLine table={table} value={choice.where} error={filtered.error} onInput={(where) => replaceParams({ where })} />
            <span class="muted">
              {filtered.rows.length === table.rows
                ? count(table.rows, "run")
                : `${filtered.rows.length.toLocaleString("en-US")} of ${count(table.rows, "run")}`}
            </span>
            {(choice.experiment || choice.statuses.length > 0) && (
              <Button kind="link" onClick={() => replaceParams({ where: whereOf(choice), experiment: "", status: "" })}>
                also {whereOf({ ...choice, where: "" })}
              </Button>
            )}
          </div>
          {table.head.leftOut > 0 && (
            <p class="note">
              Only the newest {count(table.rows, "run")} of {count(table.head.rows, "run")} are here: the others are too many for a page.
            </p>
          )}
          <Views table={table} rows={filtered.rows} params={params} view={view} where={whereOf(choice)} />
        </Fragment>
      )}
    </div>
  );
}

/** What was chosen on the page Runs comes along in the address. */
function choiceOf(params: URLSearchParams): Choice {
  const statuses = (params.get("status") ?? "").split(",").filter(Boolean);
  return { where: params.get("where") ?? "", experiment: params.get("experiment") ?? "", statuses, sort: "", group: [] };
}

/** The rows that match, newest first. If the expression is not valid, all rows and why. */
function filter(table: RunTable, choice: Choice): { rows: Int32Array; error?: ExpressionError } {
  try {
    return { rows: filterRows(table, choice, new Date()) };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { rows: filterRows(table, { ...choice, where: "" }, new Date()), error };
  }
}

interface ViewsProps {
  table: RunTable;
  rows: Int32Array;
  params: URLSearchParams;
  view: string;
  where: string;
}

function Views({ table, rows, params, view, where }: ViewsProps) {
  const axes = useMemo(() => new Axes(table, rows), [table, rows]);
  const text = params.get("b");
  const brushes = useMemo(() => readBrushes(text), [text]);
  const selected = useMemo(() => select(axes, brushes), [axes, brushes]);
  const chosen = selected ? selected.reduce((n, s) => n + s, 0) : rows.length;
  const expression = useMemo(
    () => expressionOf(brushes, (k) => expressionKey(table, k), (k) => axes.values(k).time),
    [brushes, axes, table],
  );
  const whole = both(where, expression);
  useSpoken(selected ? `${count(chosen, "run")} selected` : undefined);
  return (
    <Fragment>
      {brushes.length > 0 && (
        <div class="bar relations-selection" role="group" aria-label="Selection">
          <span>
            <strong>{chosen.toLocaleString("en-US")}</strong> of {count(rows.length, "run")} selected
          </span>
          <code tabIndex={0}>{expression}</code>
          <Button onClick={() => replaceParams({ where: whole, experiment: "", status: "", b: "" })}>Filter by it</Button>
          <a class="button" href={placeLink(["runs"], new URLSearchParams({ where: whole }))}>
            Show in Runs
          </a>
          {chosen >= 2 && chosen <= 50 && (
            <a class="button" href={placeLink(["compare"], new URLSearchParams({ runs: chosenIDs(axes, selected!) }))}>
              Compare
            </a>
          )}
          <Button kind="quiet" onClick={() => replaceParams({ b: "" })}>
            Clear
          </Button>
        </div>
      )}
      <Tabs label="Views" tabs={tabs} current={view} onSelect={(id) => replaceParams({ view: id === "scatter" ? "" : id })}>
        {rows.length === 0 ? (
          <EmptyState title="No run matches">
            <p>
              <Button onClick={() => replaceParams({ where: "", experiment: "", status: "" })}>Remove the filter</Button>
            </p>
          </EmptyState>
        ) : view === "parallel" ? (
          <Parallel axes={axes} params={params} brushes={brushes} selected={selected} />
        ) : view === "importance" ? (
          <Importance axes={axes} params={params} selected={selected} />
        ) : (
          <Scatter axes={axes} params={params} selected={selected} />
        )}
      </Tabs>
      <Command command={commandOf(table, whole, params, view)} />
    </Fragment>
  );
}

/** For each row whether all brushes select it, or null without a brush. */
function select(axes: Axes, brushes: readonly Brush[]): Uint8Array | null {
  if (brushes.length === 0) return null;
  const tests = brushes.map((b) => brushed(b, axes.values(b.key)));
  return Uint8Array.from(axes.rows, (_, i) => Number(tests.every((t) => t(i))));
}

function chosenIDs(axes: Axes, selected: Uint8Array): string {
  const ids: string[] = [];
  selected.forEach((s, i) => s && ids.push(axes.id(i)));
  return writeSides(ids);
}

/** One expression that means both. */
function both(a: string, b: string): string {
  if (!a.trim() || !b) return a.trim() || b;
  return (/\bor\b|\|\|/i.test(a) ? `(${a.trim()})` : a.trim()) + " and " + b;
}

/** The command that lists the same values. */
function commandOf(table: RunTable, where: string, params: URLSearchParams, view: string): string {
  const words = ["runs", "ls"];
  if (where) words.push("-w", where);
  const usual = usualPair(table);
  const keys =
    view === "scatter"
      ? [params.get("x") || usual.x, params.get("y") || usual.y, params.get("c") ?? ""].filter(Boolean)
      : view === "parallel"
        ? params.has("axes") ? readSides(params.get("axes")) : usualAxes(table)
        : [];
  // A key in backquotes is for expressions alone: a column is named as it is.
  if (keys.length > 0) words.push("--columns", keys.map((k) => k.replace(/^attributes\./, "")).join(","));
  return shellLine(...words);
}

/** Tells readers who listen when a text has changed, once it stays for a moment. */
function useSpoken(text: string | undefined): void {
  const [first] = useState(text);
  const last = useRef(first);
  useEffect(() => {
    if (text === last.current) return;
    const timer = setTimeout(() => {
      last.current = text;
      if (text) announce(text);
    }, 400);
    return () => clearTimeout(timer);
  }, [text]);
}
