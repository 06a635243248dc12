import { Fragment, h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "./props";
import { CurveChart, Swatch, colours, palette, useDark } from "../chart";
import { goTo, placeLink, readPlace, replaceParams } from "../location";
import type { RunTable, TableHead } from "../table/columns";
import { ExpressionError } from "../table/expression";
import { useTable } from "../table/load";
import { type Choice, type Shown, arrange, filterRows, warningOf, whereOf } from "../table/view";
import { Button, Command, EmptyState, ErrorBox, PageHead, Toggle, Waiting, announce, count, shellLine, useKeys } from "../parts";
import { type ColumnSpec, columnOf, textOfColumn, usualColumns } from "./runs_columns";
import { ColumnChoice, CopyMenu, GroupChoice } from "./runs_controls";
import { FilterLine } from "./runs_filter";
import { Grid, type Item, groupID, nameOf } from "./runs_grid";
import { Side } from "./runs_side";
import { useSparks } from "./runs_spark";
import "./runs.css";

const words = (s: string | null) => (s ?? "").split(",").filter(Boolean);

export function RunsPage({ source, project, place }: PageProps) {
  const { table, head, error, wantMore } = useTable(source);
  if (head && head.rows === 0) {
    return (
      <Fragment>
        <PageHead title="Runs" />
        <NoRuns head={head} />
      </Fragment>
    );
  }
  if (table) return <Runs source={source} table={table} project={project} place={place} wantMore={wantMore} />;
  if (error) return <ErrorBox error={error} />;
  return <Waiting>{head ? `Reading ${count(head.rows, "run")}…` : "Reading the runs…"}</Waiting>;
}

function Runs({ source, table, project, place, wantMore }: PageProps & { table: RunTable; wantMore(): void }) {
  const { params } = place;
  const choice: Choice = {
    where: params.get("where") ?? "",
    experiment: params.get("experiment") ?? "",
    statuses: words(params.get("status")),
    sort: params.get("sort") ?? "",
    group: words(params.get("group")),
  };
  const chosen = params.get("columns") ?? "";
  const marked = useMemo(
    () => new Set(words(params.get("runs")).filter((id) => table.partial || table.row(id) !== undefined)),
    [params.get("runs"), table],
  );
  const open = useMemo(() => new Set((params.get("open") ?? "").split(";").filter(Boolean)), [params.get("open")]);
  const baseline = table.row(params.get("baseline") ?? "");

  const [typing, setTyping] = useState(false);
  const { shown, wrong, warning, waits } = useShown(table, choice, typing);
  const keys = useMemo(() => (chosen ? words(chosen) : usualColumns(table, choice.sort, choice.group.length > 0)), [table, chosen, choice.sort, choice.group.length > 0]);
  const columns = useMemo(() => keys.map((key) => columnOf(table, key)), [table, keys]);
  useEffect(() => {
    if (table.wantsMore && !table.complete) wantMore(); // a column that is shown lacks it
  });
  const items = useMemo(() => itemsOf(table, shown, open), [table, shown, open]);
  // The cursor stays on its run when others appear.
  const [cursor, setCursorID] = useState("");
  const at = useMemo(() => (cursor ? items.findIndex((item) => itemID(table, item) === cursor) : -1), [items, cursor]);
  const setCursor = (i: number) => setCursorID(items[i] ? itemID(table, items[i]) : "");

  const mark = (ids: string[], on: boolean) => {
    const next = new Set(marked);
    for (const id of ids) {
      if (on) next.add(id);
      else next.delete(id);
    }
    if (next.size > mostMarked) announce(`At most ${mostMarked} runs can be marked`);
    replaceParams({ runs: [...next].slice(0, mostMarked).join(",") });
  };
  const toggleGroup = (group: NonNullable<Item["group"]>) => {
    const id = groupID(table, group).replaceAll(";", "");
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    replaceParams({ open: [...next].join(";") });
  };
  useGridKeys(items, table, at, setCursor, mark, marked, toggleGroup);

  const { primary } = table.head;
  const groupBy = !marked.size && choice.group.length === 1 && /^(params\.|experiment$|group$)/.test(choice.group[0]) ? choice.group[0] : undefined;
  const drawn = useMemo(() => drawnOf(table, shown, marked, groupBy ? mostDrawn : 10), [table, shown, marked, groupBy]);
  const withChart = primary !== "" && params.get("chart") !== "off" && drawn.length > 0;
  const dark = useDark();
  const colour = useMemo(() => {
    const byID = withChart && !groupBy ? colours(drawn) : undefined;
    return (id: string) => {
      const c = byID?.get(id);
      return c ? <Swatch colour={c} hues={palette(dark)} /> : null;
    };
  }, [drawn.join(), withChart, dark, groupBy]);
  const spark = useSparks(source, primary, table);
  const narrow = useNarrow();
  const visible = narrow ? columns.filter((c) => c.key === "status" || c.key === "metrics." + table.head.primary) : columns;
  const total = table.head.rows;
  const command = commandOf(table, choice, chosen);
  return (
    <div class="runs">
      <Side head={table.head} {...choice} onChange={replaceParams} />
      <div class="runs-main">
        <PageHead title="Runs">
          {marked.size > 0 && (
            <span class="runs-marked" role="status">
              {count(marked.size, "run")} marked
            </span>
          )}
          {marked.size > 0 && <Button kind="quiet" onClick={() => replaceParams({ runs: "" })}>Unmark</Button>}
          <a class="button" href={placeLink(["charts"], marked.size ? ofMarked(marked) : ofWhere(choice))}>
            Charts
          </a>
          <a class="button" aria-disabled={marked.size < 2} href={placeLink(["compare"], ofMarked(marked))}>
            Compare
          </a>
        </PageHead>
        <FilterLine table={table} value={choice.where} error={wrong} warning={warning} onInput={(where) => replaceParams({ where })} onTyping={setTyping} />
        <div class="runs-bar">
          <span role="status">
            {shown.groups ? count(shown.groups.length, "group") + " of " : ""}
            {shown.rows.length === total ? count(total, "run") : `${shown.rows.length.toLocaleString("en-US")} of ${count(total, "run")}`}
            {(table.partial || waits) && ", reading more…"}
            {table.head.leftOut > 0 && `, of which the ${table.head.leftOut.toLocaleString("en-US")} oldest are left out; narrow them with runs ui -w`}
          </span>
          <GroupChoice table={table} group={choice.group} onChange={(group) => replaceParams({ group: group.join(","), open: "" })} />
          <ColumnChoice table={table} keys={keys} usual={!chosen} onChange={(list) => replaceParams({ columns: list.join(",") })} />
          {primary && (
            <Toggle label="Chart" on={params.get("chart") !== "off"} onChange={(on) => replaceParams({ chart: on ? "" : "off" })} />
          )}
          <CopyMenu table={table} shown={shown} items={items} columns={columns} />
        </div>
        {withChart && (
          <div class="runs-chart">
            <CurveChart
              source={source}
              runs={drawn}
              metric={primary}
              height={narrow ? 120 : 150}
              legend={groupBy !== undefined}
              bands={groupBy ? "std" : undefined}
              groupBy={groupBy}
              title={primary + (marked.size ? ": marked runs" : drawn.length < shown.rows.length ? `: the ${drawn.length} newest` : "")}
            />
          </div>
        )}
        <Grid
          table={table}
          shown={shown}
          items={items}
          columns={visible}
          sort={choice.sort}
          onSort={(sort) => replaceParams({ sort })}
          marked={marked}
          onMark={mark}
          baseline={baseline}
          onBaseline={(id) => replaceParams({ baseline: id })}
          open={open}
          onOpen={toggleGroup}
          cursor={at}
          onCursor={setCursor}
          colour={colour}
          spark={spark}
          narrow={narrow}
        />
        {shown.rows.length === 0 && choice.where && !wrong && (
          <p class="muted" role="status">
            No run matches the filter.{" "}
            <Button kind="link" onClick={() => replaceParams({ where: "" })}>
              Clear it
            </Button>
          </p>
        )}
        {narrow && items[at]?.row !== undefined && <Details table={table} row={items[at].row} columns={columns} />}
        <Command command={command} />
      </div>
    </div>
  );
}

const mostDrawn = 200;
const mostMarked = 1000; // they are in the address

/** The runs of the chart: those that are marked, otherwise the newest of those that are shown. */
function drawnOf(t: RunTable, shown: Shown, marked: ReadonlySet<string>, most: number): string[] {
  if (marked.size) return [...marked].filter((id) => t.row(id) !== undefined).slice(0, mostDrawn);
  const rows = new Set(shown.rows);
  const has = t.section("metrics", t.head.primary);
  const newest: string[] = [];
  for (const row of t.newest) {
    if (rows.has(row) && has?.kinds[row]) newest.push(t.ids[row]);
    if (newest.length === most) break;
  }
  return newest;
}

function ofWhere(c: Choice): URLSearchParams {
  const where = whereOf(c);
  return new URLSearchParams(where ? { where } : {});
}

/** The marked runs, the pinned baseline first. */
function ofMarked(marked: ReadonlySet<string>): URLSearchParams {
  const pinned = readPlace().params.get("baseline") ?? "";
  const ids = [...marked].sort((a, b) => Number(b === pinned) - Number(a === pinned));
  return new URLSearchParams({ runs: ids.join(",") });
}

/**
 * Filters, sorts and groups. While an expression is not valid, the rows of the last valid one stay; so they do while a
 * reader types a key that no run has.
 */
function useShown(table: RunTable, c: Choice, typing: boolean) {
  const last = useRef("");
  const filtered = useMemo(() => {
    let wrong: ExpressionError | undefined;
    for (const where of [c.where, last.current, ""]) {
      try {
        const { value, waits } = table.track(() => filterRows(table, { ...c, where }, new Date()));
        last.current = where;
        return { rows: value, waits, wrong };
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        wrong ??= error;
      }
    }
    return { rows: table.newest, waits: false, wrong };
  }, [table, c.where, c.experiment, c.statuses.join()]);
  const { rows, wrong } = filtered;
  const arranged = useMemo(() => table.track(() => arrange(table, rows, c)), [table, rows, c.sort, c.group.join()]);
  const waits = filtered.waits || arranged.waits;
  const warning = useMemo(() => (wrong || waits ? "" : warningOf(table, c.where)), [table, c.where, wrong, waits]);
  // Until what is asked for is here, and while a key is typed that no run has, what was shown stays.
  const next = arranged.value;
  const before = useRef({ table, shown: next });
  const sameRows = before.current.table.version === table.version;
  const keeps = sameRows && (waits || (typing && warning !== "" && next.rows.length === 0));
  if (!keeps) before.current = { table, shown: next };
  return { shown: before.current.shown, wrong, warning, waits };
}

function itemsOf(table: RunTable, shown: Shown, open: ReadonlySet<string>): Item[] {
  if (!shown.groups) return Array.from(shown.rows, (row) => ({ row }));
  return shown.groups.flatMap((group): Item[] => {
    const isOpen = open.has(groupID(table, group).replaceAll(";", ""));
    return [{ group }, ...(isOpen ? Array.from(group.rows, (row) => ({ row, inGroup: true })) : [])];
  });
}

function itemID(table: RunTable, item: Item): string {
  return item.group ? "group " + groupID(table, item.group) : table.ids[item.row];
}

function useGridKeys(
  items: Item[],
  table: RunTable,
  at: number,
  setCursor: (i: number) => void,
  mark: (ids: string[], on: boolean) => void,
  marked: ReadonlySet<string>,
  toggle: (group: NonNullable<Item["group"]>) => void,
): void {
  const move = (by: number) => setCursor(Math.max(0, Math.min(items.length - 1, at + by)));
  const act = (e: KeyboardEvent, action: (item: Item) => void) => {
    const control = (e.target as HTMLElement).closest<HTMLElement>("a, button, summary, input");
    if (control && (e.key === "Enter" || e.key === " ")) control.click();
    else if (items[at]) action(items[at]);
  };
  const markItem = (item: Item) => {
    const ids = item.group ? Array.from(item.group.rows, (row) => table.ids[row]) : [table.ids[item.row]];
    mark(ids, !ids.every((id) => marked.has(id)));
  };
  const down = ["Next run", () => move(1)] as const;
  const up = ["Previous run", () => move(-1)] as const;
  useKeys("Runs", {
    j: down,
    ArrowDown: down,
    k: up,
    ArrowUp: up,
    PageDown: ["20 runs down", () => move(20)],
    PageUp: ["20 runs up", () => move(-20)],
    Home: ["First run", () => move(-items.length)],
    End: ["Last run", () => move(items.length)],
    x: ["Mark the run", (e) => act(e, markItem)],
    " ": ["Mark the run", (e) => act(e, markItem)],
    Enter: ["Open the run or the group", (e) => act(e, (item) => (item.group ? toggle(item.group) : goTo(["run", table.ids[item.row]])))],
    b: ["Pin the run as the baseline, or unpin it", (e) => act(e, (item) => !item.group && replaceParams({ baseline: table.row(new URLSearchParams(location.hash.split("?")[1]).get("baseline") ?? "") === item.row ? "" : table.ids[item.row] }))],
    c: ["Compare the marked runs", () => marked.size > 1 && goTo(["compare"], ofMarked(marked))],
  });
}

/** All columns of one run, for a narrow screen, whose table shows few. */
function Details({ table, row, columns }: { table: RunTable; row: number; columns: ColumnSpec[] }) {
  return (
    <dl class="runs-details" aria-label={nameOf(table, row)}>
      {columns.map((c) => (
        <div key={c.key}>
          <dt>{c.title}</dt>
          <dd>{textOfColumn(c, c.value(row))}</dd>
        </div>
      ))}
    </dl>
  );
}

function useNarrow(): boolean {
  const query = useMemo(() => matchMedia("(max-width: 640px)"), []);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const change = () => setNarrow(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return narrow;
}

/** The command that prints the same list. */
function commandOf(t: RunTable, c: Choice, columns: string): string {
  const where = whereOf(c);
  const own = t.head.where && where ? `(${t.head.where}) and (${where})` : t.head.where || where;
  const line = ["runs", "ls", ...t.head.selectors];
  if (t.head.revision) line.push("--rev", t.head.revision);
  if (own) line.push("-w", own);
  if (c.group.length) line.push("--group-by", c.group.join(","));
  if (c.sort) line.push("--sort", c.sort);
  if (columns) line.push("--columns", words(columns).filter((key) => key !== "tags").join(","));
  return shellLine(...line);
}

function NoRuns({ head }: { head: TableHead }) {
  const narrowed = head.where || head.selectors.length;
  return (
    <div>
    <PageHead title="Runs" />
    <EmptyState title={narrowed ? "No run matches what the page was started for" : "No runs yet"}>
      <p>Record {narrowed ? "one" : "the first one"} in a shell. This page shows it as soon as it starts.</p>
      <Command label="Record what a command does" command="runs exec -- python train.py" />
      <Command label="Log a metric from a script" command="runs log --step 1 loss=0.5" />
      <Command label="Or look at an example" command="runs demo" />
    </EmptyState>
    </div>
  );
}

