import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { Num, SearchField, Toggle, visible } from "../parts";
import { type Metric, type Named, numberOf, type Recorded, type Run } from "./run-data";
import { LongText, matches, Rows, useFirst } from "./run-parts";

const manyRows = 12;
const shownRows = 200;

/** The metrics of a run with their statistics. The best value by the goal is marked. */
export function MetricTable({ run, primary, place }: { run: Run; primary: string; place: Place }) {
  const find = place.params.get("metric") ?? "";
  const [hidden, setHidden] = useState(false);
  const some = run.metrics.some((m) => m.hidden);
  const [list, more] = useFirst(
    run.metrics.filter((m) => (hidden || !m.hidden) && matches(m.name, find)),
    shownRows,
  );
  return (
    <Fragment>
      {(some || run.metrics.length > manyRows) && (
        <div class="bar run-sub">
          <SearchField label="Find a metric" value={find} onInput={(metric) => replaceParams({ metric })} />
          {some && <Toggle label="Show hidden metrics" on={hidden} onChange={setHidden} />}
        </div>
      )}
      <Rows
        head={["Metric", "#Last", "#Min", "#at step", "#Max", "#at step", "#Points", "Goal"]}
        rows={list.map((m) => [
          <Fragment>
            {m.name}
            {[m.name === primary && "primary", m.hidden && "hidden", m.step_metric && "over " + m.step_metric].map(
              (badge) => badge && <span class="run-tag muted">{badge}</span>,
            )}
          </Fragment>,
          number(m.last, m.min === null && m.goal !== ""),
          number(m.min, m.goal === "min"),
          step(m, m.min_step),
          number(m.max, m.goal === "max"),
          step(m, m.max_step),
          m.count.toLocaleString("en-US"),
          m.goal,
        ])}
      />
      {more}
    </Fragment>
  );
}

const number = (v: Recorded | null, best: boolean) => {
  const num = <Num value={numberOf(v)} />;
  return best ? <b class="run-best">{num}</b> : num;
};

const step = (m: Metric, at: number) => m.min !== null && <span class="muted">{at}</span>;

/** Params and other named values as a tree: nested ones are below their table, indented. */
export function NamedTable({ what, list, place }: { what: string; list: Named[]; place: Place }) {
  const param = "find-" + what;
  const find = place.params.get(param) ?? "";
  const sorted = list.filter((p) => matches(p.name + " " + p.text, find)).sort((a, b) => comparePaths(a.path, b.path));
  const [shown, more] = useFirst(sorted, shownRows);
  return (
    <Fragment>
      {list.length > manyRows && (
        <div class="bar run-sub">
          <SearchField label={"Find in " + what} value={find} onInput={(text) => replaceParams({ [param]: text })} />
        </div>
      )}
      <div class="card scroll">
        <table class="run-named">
          <tbody>{treeRows(shown)}</tbody>
        </table>
      </div>
      {more}
    </Fragment>
  );
}

/** How far a row of a tree is indented. */
export const indent = (level: number) => ({ paddingLeft: 10 + 18 * Math.min(level, 8) + "px" });

/** A row for each table of params, and its entries below it. */
function treeRows(list: Named[]) {
  const rows = [];
  let above: string[] = [];
  for (const p of list) {
    const last = p.path.length - 1;
    let level = 0;
    while (level < last && above[level] === p.path[level]) level++;
    for (; level < last; level++) {
      rows.push(
        <tr key={p.path.slice(0, level + 1).join("\0") + "\0"}>
          <th scope="rowgroup" colSpan={2} class="muted" style={indent(level)}>
            {p.path[level]}
          </th>
        </tr>,
      );
    }
    above = p.path.slice(0, -1);
    rows.push(
      <tr key={p.name}>
        <th scope="row" style={indent(last)} title={p.name}>
          {p.path[last]}
        </th>
        <td>
          <LongText text={p.text} />
          {p.again && <span class="run-again"> set again to {visible(p.again)}</span>}
        </td>
      </tr>,
    );
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
