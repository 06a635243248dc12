import { type ComponentChildren, Fragment, h, type VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { placeLink } from "../location";
import type { RunTable } from "../table/columns";
import type { Group, Summary } from "../table/group";
import { valuesOf } from "../table/group";
import { cutDirection } from "../table/sort";
import type { Shown } from "../table/view";
import { type Datum, canonicalOf, isNumber, textOf } from "../table/value";
import { Icon, IconButton, Status, count, formatAgo, formatDuration, formatNumber, formatTime, untilNow, useNow, visible } from "../parts";
import { type ColumnSpec, exactText, textOfColumn, wholeKey } from "./runs_columns";

export const rowHeight = 28;

/** A line of the table: a run, or a group. */
export type Item = { row: number; group?: undefined; inGroup?: boolean } | { group: Group; row?: undefined };

export interface GridProps {
  table: RunTable;
  shown: Shown;
  items: Item[];
  columns: ColumnSpec[];
  sort: string;
  onSort(sort: string): void;
  marked: ReadonlySet<string>;
  onMark(ids: string[], on: boolean): void;
  baseline?: number;
  onBaseline(id: string): void;
  open: ReadonlySet<string>;
  onOpen(group: Group): void;
  cursor: number;
  onCursor(i: number): void;
  colour(id: string): VNode | null;
  spark(row: number): VNode | null;
  narrow: boolean;
}

/** What a cell needs of the page. */
interface CellContext extends GridProps {
  now: number;
  sums: ((g: Group) => Summary)[];
  values: ((g: Group) => Datum[])[];
}

/** The table of runs. Only the rows in view exist. */
export function Grid(props: GridProps) {
  const { table, items, columns, shown, cursor } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 900 });
  const now = useNow();
  const look = () => {
    const b = box.current!;
    setView((v) => (v.top === b.scrollTop && v.height === b.clientHeight ? v : { top: b.scrollTop, height: b.clientHeight }));
  };
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(look);
    sizes.observe(box.current!);
    return () => sizes.disconnect();
  }, []);
  useKeepPlace(box, items, table, props.baseline !== undefined);
  useEffect(() => {
    const b = box.current!;
    const head = rowHeight * (props.baseline === undefined ? 1 : 2);
    const y = cursor * rowHeight;
    if (cursor < 0) return;
    if (y < b.scrollTop) b.scrollTop = y;
    else if (y + rowHeight + head > b.scrollTop + b.clientHeight - 16) b.scrollTop = y + rowHeight + head + 16 - b.clientHeight;
  }, [cursor]);

  const context: CellContext = {
    ...props,
    now,
    sums: useMemo(() => columns.map((c) => (shown.sums ? shown.sums.of(c.key) : () => none)), [columns, shown]),
    values: useMemo(() => columns.map((c) => (shown.sums ? valuesOf(table, wholeKey(c.key)) : () => [])), [columns, shown, table]),
  };
  const rows = useRows(context, view.top, view.height);
  const width = 56 + nameWidth(props) + columns.reduce((sum, c) => sum + columnWidth(c, props), 0);
  const shownIDs = () => items.flatMap((i) => (i.group ? [...i.group.rows].map((r) => table.ids[r]) : [table.ids[i.row]]));
  const all = items.length > 0 && props.marked.size > 0 && shownIDs().every((id) => props.marked.has(id));
  return (
    <div
      ref={box}
      class="runs-grid"
      tabIndex={0}
      role="group"
      aria-label="Runs; the arrow keys move, Enter opens"
      aria-activedescendant={cursor >= 0 ? "runs-row-" + cursor : undefined}
      onScroll={look}
    >
      <table style={{ width: width + "px" }} aria-rowcount={items.length + 1} aria-label="Runs">
        <colgroup>
          <col style={{ width: "56px" }} />
          <col style={{ width: nameWidth(props) + "px" }} />
          {columns.map((c) => (
            <col key={c.key} style={{ width: columnWidth(c, props) + "px" }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" class="runs-mark">
              <label>
                <input
                  type="checkbox"
                  aria-label="Mark all that are shown"
                  checked={all}
                  onChange={(e) => props.onMark(shownIDs(), e.currentTarget.checked)}
                />
              </label>
            </th>
            <Heading spec={nameColumn} {...props} />
            {columns.map((c) => (
              <Heading key={c.key} spec={c} {...props} />
            ))}
          </tr>
          {props.baseline !== undefined && <Line context={context} item={{ row: props.baseline }} index={-1} pinned />}
        </thead>
        <tbody>
          {rows.before > 0 && <tr class="runs-space" aria-hidden="true" style={{ height: rows.before + "px" }} />}
          {rows.list}
          {rows.after > 0 && <tr class="runs-space" aria-hidden="true" style={{ height: rows.after + "px" }} />}
        </tbody>
      </table>
    </div>
  );
}

const none: Summary = { n: 0, lost: 0, mean: 0, sd: NaN, best: 0, bestRow: -1 };
const nameColumn = { key: "name", title: "Name", goal: "", metric: false, numeric: false, width: 240 };
const nameWidth = (p: { narrow: boolean; shown: Shown }) =>
  p.narrow ? 120 : Math.min(380, Math.max(240, ...(p.shown.groups ?? []).slice(0, 50).map((g) => g.label.length * 7 + 110)));

function columnWidth(c: ColumnSpec, p: GridProps): number {
  if (p.narrow) return c.key === "status" ? 36 : 104;
  let width = c.width;
  if (c.key === "metrics." + p.table.head.primary) width = Math.max(width, 96) + 84;
  if (p.shown.groups && (c.metric || c.key === "duration")) width += 90;
  else if (p.baseline !== undefined) width += c.metric ? 80 : 16;
  return width;
}

/** Keeps the rows in view where they are when others appear above them. */
function useKeepPlace(box: { current: HTMLDivElement | null }, items: Item[], table: RunTable, pinned: boolean): void {
  const last = useRef<{ items: Item[]; table: RunTable } | undefined>(undefined);
  useLayoutEffect(() => {
    const before = last.current;
    last.current = { items, table };
    const b = box.current!;
    if (!before || before.table === table || b.scrollTop < rowHeight || before.items === items) return;
    const at = Math.floor(b.scrollTop / rowHeight);
    const first = before.items[at];
    if (!first || first.group) return;
    const id = before.table.ids[first.row];
    const now = items.findIndex((i) => !i.group && table.ids[i.row] === id);
    if (now >= 0 && now !== at) b.scrollTop += (now - at) * rowHeight;
  }, [items, table, pinned]);
}

/** The rows in view. A row that has not changed is not made again. */
function useRows(context: CellContext, top: number, height: number) {
  const cache = useRef<{ key: unknown[]; rows: Map<number, VNode> }>({ key: [], rows: new Map() });
  const { items } = context;
  const key = [
    context.table, items, context.columns, context.marked, context.baseline, context.open, context.now, context.colour,
    context.spark, context.narrow,
  ];
  if (key.some((v, i) => v !== cache.current.key[i])) cache.current = { key, rows: new Map() };
  const known = cache.current.rows;
  const from = Math.max(0, Math.min(Math.floor(top / rowHeight) - 6, items.length - 1));
  const to = Math.min(items.length, Math.ceil((top + height) / rowHeight) + 6);
  const list: VNode[] = [];
  for (let i = from; i < to; i++) {
    let row = i === context.cursor ? undefined : known.get(i);
    if (!row) {
      row = <Line key={keyOf(context, i)} context={context} item={items[i]} index={i} />;
      if (i !== context.cursor) known.set(i, row);
    }
    list.push(row);
  }
  return { list, before: from * rowHeight, after: Math.max(0, items.length - to) * rowHeight };
}

const keyOf = ({ items, table }: CellContext, i: number) => {
  const item = items[i];
  return item.group ? "group " + table.ids[item.group.rows[0]] : table.ids[item.row];
};

function Heading({ spec, ...props }: GridProps & { spec: Omit<ColumnSpec, "value"> }) {
  const { key, direction } = cutDirection(props.sort);
  const sorted = key === spec.key;
  const newestFirst = spec.key === "started" || spec.key === "duration";
  const descends = direction ? direction === "desc" : spec.goal === "max";
  const next = () => {
    if (!sorted) return newestFirst ? spec.key + ":desc" : spec.key;
    const first = newestFirst || spec.goal === "max";
    return descends === first ? spec.key + (descends ? ":asc" : ":desc") : "";
  };
  return (
    <th
      scope="col"
      class={(spec.numeric ? "num" : "") + (spec.key === "name" ? " runs-name" : "")}
      aria-sort={sorted ? (descends ? "descending" : "ascending") : undefined}
    >
      <button type="button" title={spec.key + (spec.goal ? ": the " + spec.goal + " of each run" : "")} onClick={() => props.onSort(next())}>
        <span>{props.narrow && spec.key === "status" ? "" : spec.title}</span>
        {spec.goal && <span class="muted">{spec.goal}</span>}
        {sorted && <Icon name={descends ? "down" : "up"} size={12} />}
      </button>
    </th>
  );
}

function Line({ context, item, index, pinned }: { context: CellContext; item: Item; index: number; pinned?: boolean }) {
  const { table, columns, cursor, marked } = context;
  const rows = item.group ? item.group.rows : [item.row];
  const ids = [...rows].map((row) => table.ids[row]);
  const on = ids.every((id) => marked.has(id));
  const some = !on && ids.some((id) => marked.has(id));
  const name = item.group ? item.group.label : nameOf(table, item.row);
  return (
    <tr
      id={pinned ? undefined : "runs-row-" + index}
      class={[pinned && "runs-pinned", index === cursor && "runs-cursor", on && "runs-on", item.group && "runs-group"].filter(Boolean).join(" ") || undefined}
      aria-rowindex={pinned ? undefined : index + 2}
      onClick={(e) => {
        if (!(e.target as HTMLElement).closest("a,button,input,label")) context.onCursor(index);
      }}
    >
      <td class="runs-mark">
        <label>
          <input
            type="checkbox"
            aria-label={"Mark " + name}
            checked={on}
            ref={(el) => {
              if (el) el.indeterminate = some;
            }}
            onChange={(e) => context.onMark(ids, e.currentTarget.checked)}
          />
          {!item.group && context.colour(table.ids[item.row])}
        </label>
      </td>
      <th scope="row" class="runs-name">
        {item.group ? (
          <GroupName context={context} group={item.group} />
        ) : (
          <RunName context={context} row={item.row} pinned={pinned} inGroup={item.inGroup} />
        )}
      </th>
      {columns.map((c, i) => (
        <td key={c.key} class={c.numeric ? "num" : undefined}>
          {item.group ? <GroupCell context={context} group={item.group} at={i} /> : <Cell context={context} row={item.row} spec={c} pinned={pinned} />}
        </td>
      ))}
    </tr>
  );
}

export function nameOf(table: RunTable, row: number): string {
  return visible(table.section("attributes", "name")?.text(row) ?? "") || table.ids[row].slice(16);
}

function RunName({ context, row, pinned, inGroup }: { context: CellContext; row: number; pinned?: boolean; inGroup?: boolean }) {
  const { table } = context;
  const id = table.ids[row];
  const part = table.section("attributes", "part")?.text(row);
  const isBaseline = context.baseline === row;
  return (
    <span class={inGroup ? "runs-member" : undefined}>
      <a href={placeLink(["run", id])} title={nameOf(table, row) + "\n" + id}>
        {nameOf(table, row)}
      </a>
      {part && <span class="runs-part">{part}</span>}
      {(pinned || !isBaseline) && (
        <IconButton
          icon={pinned ? "close" : "pin"}
          label={pinned ? "Unpin the baseline" : "Pin " + nameOf(table, row) + " as the baseline"}
          aria-pressed={isBaseline}
          onClick={() => context.onBaseline(pinned ? "" : id)}
        />
      )}
    </span>
  );
}

function GroupName({ context, group }: { context: CellContext; group: Group }) {
  const open = context.open.has(groupID(context.table, group));
  return (
    <button type="button" class="quiet" aria-expanded={open} title={group.label} onClick={() => context.onOpen(group)}>
      <Icon name={open ? "down" : "right"} size={12} />
      <span>{group.label}</span>
      <span class="runs-part">{count(group.rows.length, "run")}</span>
    </button>
  );
}

/** Returns a name of a group that stays when runs are added to it. */
export function groupID(table: RunTable, group: Group): string {
  return group.values.length ? group.values.map((d) => (d ? canonicalOf(d) : "")).join("|") : table.ids[group.rows[group.rows.length - 1]];
}

function Cell({ context, row, spec, pinned }: { context: CellContext; row: number; spec: ColumnSpec; pinned?: boolean }): ComponentChildren {
  const { table, now } = context;
  const d = spec.value(row);
  switch (spec.key) {
    case "status":
      return <RunStatus table={table} row={row} now={now} compact={context.narrow} />;
    case "started":
      return d && <time dateTime={textOf(d)} title={formatTime(d.n / 1e3)}>{formatAgo(Math.max(0, now - d.n / 1e3))}</time>;
    case "duration": {
      if (d) return formatDuration(d.n * 1e3);
      const started = table.section("attributes", "started")?.numbers[row] ?? 0;
      return <span class="muted">{formatDuration(Math.max(0, untilNow(now) - started / 1e3))}</span>;
    }
  }
  const spark = spec.key === "metrics." + table.head.primary && !pinned && !context.narrow ? context.spark(row) : null;
  if (!d) return spark;
  const shown = textOfColumn(spec, d);
  const exact = exactText(d);
  const text = spec.key === "tags" ? <Tags text={d.s} /> : shown;
  const delta = context.baseline !== undefined && !pinned ? <Delta spec={spec} d={d} base={spec.value(context.baseline)} /> : null;
  return (
    <Fragment>
      {spark}
      {delta}
      <span title={exact === shown ? undefined : exact}>{text}</span>
    </Fragment>
  );
}

function Tags({ text }: { text: string }) {
  return (
    <Fragment>
      {text.split("  ").map((tag) => (
        <span key={tag} class="runs-tag">
          {tag}
        </span>
      ))}
    </Fragment>
  );
}

/** The difference to the baseline: better or worse by the goal, as a sign, a word for readers, and a color. */
function Delta({ spec, d, base }: { spec: ColumnSpec; d: Datum; base?: Datum }) {
  if (!base || canonicalOf(d) === canonicalOf(base)) return null;
  if (!spec.metric || !isNumber(d) || !isNumber(base)) {
    return spec.key.startsWith("params.") ? <span class="runs-delta" title={"the baseline has " + textOf(base)}>≠</span> : null;
  }
  const by = d.n - base.n;
  const verdict = spec.goal && by === by ? (by > 0 === (spec.goal === "max") ? "better" : "worse") : "";
  return (
    <span class={"runs-delta " + verdict} title={(verdict || "different") + " than the baseline, " + formatNumber(base.n)}>
      {verdict && <span class="hidden">{verdict} by</span>}
      {verdict && <span aria-hidden="true">{verdict === "better" ? "▲" : "▼"}</span>}
      {(by > 0 ? "+" : "") + formatNumber(by)}
    </span>
  );
}

const idleAfter = 3600e3;

/** The status, as 'runs ls' words it for runs in progress. */
function RunStatus({ table, row, now, compact }: { table: RunTable; row: number; now: number; compact: boolean }) {
  const status = table.section("attributes", "status")?.text(row) ?? "";
  const life = table.section("attributes", "life")?.text(row);
  if (!life) return <Status status={status} compact={compact} />;
  const silent = untilNow(now) - (table.section("attributes", "silent")?.numbers[row] ?? 0) / 1e3;
  let note = "";
  if (life === "gone") note = "crashed?";
  else if ((life === "elsewhere" || life === "foreign") && silent > 60e3) note = "silent";
  else if (silent >= idleAfter) note = "idle";
  return (
    <span class={note ? "runs-silent" : "runs-live"} title={note ? "last activity " + formatAgo(silent) : "running"}>
      <Status status={status} compact={compact} />
      {note && !compact && <span class="runs-part">{note}</span>}
    </span>
  );
}

function GroupCell({ context, group, at }: { context: CellContext; group: Group; at: number }): ComponentChildren {
  const spec = context.columns[at];
  if (spec.metric || spec.key === "duration") {
    const s = context.sums[at](group);
    const text = (v: number) => (spec.metric ? formatNumber(v) : formatDuration(v * 1e3));
    if (!s.n) return s.lost && spec.metric ? <span class="muted">0 of {s.lost}</span> : null;
    const title = `mean ${s.mean}` + (s.n > 1 ? `, standard deviation ${s.sd}` : "") + `, best ${s.best}, ${count(s.n, "run")}`;
    return (
      <span title={title}>
        {text(s.mean)}
        {s.n > 1 && <span class="muted"> ± {text(s.sd)}</span>}
        {s.lost > 0 && spec.metric && (
          <span class="muted">
            {" "}
            ({s.n} of {s.n + s.lost})
          </span>
        )}
      </span>
    );
  }
  if (spec.key === "started") {
    const d = spec.value(group.rows[0]);
    return d && <time title={"newest: " + formatTime(d.n / 1e3)}>{formatAgo(context.now - d.n / 1e3)}</time>;
  }
  const values = context.values[at](group);
  const texts = values.slice(0, 4).map((d) => textOfColumn(spec, d));
  const text = texts.join(", ") + (values.length > texts.length ? ", …" : "");
  return <span class={values.length > 1 ? "muted" : undefined} title={values.length > 1 ? count(values.length, "value") + ": " + text : text}>{text}</span>;
}
