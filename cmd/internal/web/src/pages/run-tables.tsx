import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { Choice, Num, SearchField, Toggle } from "../parts";
import { bestOf, type Metric, type Named, numberOf, type Run, visible } from "./run-data";

const manyRows = 12;
const shownRows = 200;

/** The metrics of a run with their statistics. The best value by the goal is marked. */
export function MetricTable({ run, primary, place }: { run: Run; primary: string; place: Place }) {
  const find = place.params.get("metric") ?? "";
  const [hidden, setHidden] = useState(false);
  const [all, setAll] = useState(false);
  const some = run.metrics.some((m) => m.hidden);
  const list = run.metrics.filter((m) => (hidden || !m.hidden) && matches(m.name, find));
  const shown = all ? list : list.slice(0, shownRows);
  return (
    <Fragment>
      {(run.metrics.length > manyRows || some) && (
        <div class="bar run-bar">
          <SearchField label="Find a metric" value={find} onInput={(metric) => replaceParams({ metric })} />
          {some && <Toggle label="Show hidden metrics" on={hidden} onChange={setHidden} />}
        </div>
      )}
      <div class="scroll card">
        <table class="run-wide">
          <thead>
            <tr>
              <th>Metric</th>
              <th class="num">Last</th>
              <th class="num">Min</th>
              <th class="num">at step</th>
              <th class="num">Max</th>
              <th class="num">at step</th>
              <th class="num">Points</th>
              <th>Goal</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((m) => (
              <MetricRow key={m.name} metric={m} primary={m.name === primary} />
            ))}
          </tbody>
        </table>
      </div>
      <More shown={shown.length} of={list.length} onAll={() => setAll(true)} />
    </Fragment>
  );
}

function MetricRow({ metric: m, primary }: { metric: Metric; primary: boolean }) {
  const best = (goal: string) => (m.goal === goal ? "num run-best" : "num");
  return (
    <tr>
      <th scope="row" class="run-name">
        {m.name}
        {primary && <span class="run-badge">primary</span>}
        {m.hidden && <span class="run-badge">hidden</span>}
        {m.step_metric && <span class="run-badge">over {m.step_metric}</span>}
      </th>
      <td class={m.min === null && m.goal ? "num run-best" : "num"}>
        <Num value={numberOf(m.last)} />
      </td>
      <td class={best("min")}>
        <Num value={numberOf(m.min)} />
      </td>
      <td class="num muted">{m.min !== null && m.min_step}</td>
      <td class={best("max")}>
        <Num value={numberOf(m.max)} />
      </td>
      <td class="num muted">{m.max !== null && m.max_step}</td>
      <td class="num">{m.count.toLocaleString("en-US")}</td>
      <td class="muted" title={m.goal && `The best value is ${bestOf(m).value}`}>
        {m.goal}
      </td>
    </tr>
  );
}

/** Params and other named values: a list by dotted names, or a tree. */
export function NamedTable({ what, list, place, tree }: { what: string; list: Named[]; place: Place; tree?: boolean }) {
  const param = "find-" + what.replace(" ", "-");
  const find = place.params.get(param) ?? "";
  const nested = tree && list.some((p) => p.path.length > 1);
  const form = nested ? (place.params.get("form") ?? "tree") : "list";
  const [all, setAll] = useState(false);
  const found = list.filter((p) => matches(p.name + " " + p.text, find));
  const shown = all ? found : found.slice(0, shownRows);
  return (
    <Fragment>
      {(list.length > manyRows || nested) && (
        <div class="bar run-bar">
          <SearchField label={"Find in " + what} value={find} onInput={(text) => replaceParams({ [param]: text })} />
          {nested && (
            <Choice
              label="Form"
              hideLabel
              value={form}
              options={[
                ["tree", "Tree"],
                ["list", "Dotted"],
              ]}
              onChange={(f) => replaceParams({ form: f === "tree" ? "" : f })}
            />
          )}
        </div>
      )}
      <div class="card scroll">
        <table class="run-named">
          <tbody>{form === "tree" ? treeRows(shown) : shown.map((p) => <NamedRow key={p.name} of={p} name={p.name} level={0} />)}</tbody>
        </table>
      </div>
      <More shown={shown.length} of={found.length} onAll={() => setAll(true)} />
    </Fragment>
  );
}

/** The rows of a tree: a row for each table of params, and its entries below it, indented. */
function treeRows(list: Named[]) {
  const rows = [];
  let above: string[] = [];
  const sorted = [...list].sort((a, b) => comparePaths(a.path, b.path));
  for (const p of sorted) {
    let common = 0;
    while (common < p.path.length - 1 && above[common] === p.path[common]) common++;
    for (let level = common; level < p.path.length - 1; level++) {
      rows.push(
        <tr key={p.path.slice(0, level + 1).join("\0") + "\0"}>
          <th scope="rowgroup" colSpan={2} class={"run-level" + Math.min(level, 6)}>
            {p.path[level]}
          </th>
        </tr>,
      );
    }
    above = p.path.slice(0, -1);
    rows.push(<NamedRow key={p.name} of={p} name={p.path[p.path.length - 1]} level={p.path.length - 1} />);
  }
  return rows;
}

/** Single values come before tables, as in TOML, and names in order. */
function comparePaths(a: string[], b: string[]): number {
  for (let i = 0; ; i++) {
    const last = Number(i < a.length - 1) - Number(i < b.length - 1);
    if (last !== 0) return last;
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    if (i >= a.length - 1) return 0;
  }
}

function NamedRow({ of, name, level }: { of: Named; name: string; level: number }) {
  return (
    <tr>
      <th scope="row" class={"run-level" + Math.min(level, 6)} title={of.name}>
        {name}
      </th>
      <td>
        <LongText text={of.text} />
        {of.again && <span class="run-again"> set again to {visible(of.again)}</span>}
      </td>
    </tr>
  );
}

const longText = 300;

/** A text that opens when it is long. */
export function LongText({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const clean = visible(text);
  return (
    <span class="run-value">
      {open || clean.length <= longText ? clean : clean.slice(0, longText) + "… "}
      {clean.length > longText && (
        <button type="button" class="link" onClick={() => setOpen(!open)}>
          {open ? " Show less" : `Show all ${clean.length.toLocaleString("en-US")} characters`}
        </button>
      )}
    </span>
  );
}

export function More({ shown, of, onAll }: { shown: number; of: number; onAll(): void }) {
  if (of === 0) return <p class="muted">Nothing matches.</p>;
  if (shown === of) return null;
  return (
    <p class="run-more">
      {shown.toLocaleString("en-US")} of {of.toLocaleString("en-US")} are shown.{" "}
      <button type="button" class="link" onClick={onAll}>
        Show all
      </button>
    </p>
  );
}

export function matches(text: string, find: string): boolean {
  return text.toLowerCase().includes(find.toLowerCase());
}
