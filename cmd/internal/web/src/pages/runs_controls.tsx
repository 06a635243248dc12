import { h } from "preact";
import { useState } from "preact/hooks";
import type { RunTable } from "../table/columns";
import { byReplicates } from "../table/group";
import type { Shown } from "../table/view";
import { IconButton, Menu, Popup, announce, copyText } from "../parts";
import { toCSV } from "../parts/csv";
import { type ColumnSpec, allColumns, columnOf, exactText } from "./runs_columns";
import { type Item, nameOf } from "./runs_grid";

/** Chooses the keys to group by. */
export function GroupChoice({ table, group, onChange }: { table: RunTable; group: string[]; onChange(group: string[]): void }) {
  const { head } = table;
  const keys = [
    ...head.differing.map((key) => "params." + key),
    ...(head.experiments.length > 1 ? ["experiment"] : []),
    "group", "author", "status",
    ...head.tags.map((key) => "tags." + key),
  ];
  const toggle = (key: string) => onChange(group.includes(key) ? group.filter((k) => k !== key) : [...group.filter((k) => k !== byReplicates), key]);
  return (
    <Menu
      label={group.length ? "Grouped by " + group.map((k) => k.replace(/^(params|tags)\./, "")).join(", ") : "Group by"}
      icon="table"
      items={[
        { text: "No groups", checked: !group.length, onSelect: () => onChange([]) },
        { text: "Replicates (seeds)", checked: group[0] === byReplicates, onSelect: () => onChange([byReplicates]) },
        null,
        ...[...new Set([...group.filter((k) => k !== byReplicates), ...keys])].map((key) => ({
          text: key.replace(/^params\./, ""),
          checked: group.includes(key),
          onSelect: () => toggle(key),
        })),
      ]}
    />
  );
}

/** Chooses and orders columns. */
export function ColumnChoice(props: { table: RunTable; keys: string[]; usual: boolean; onChange(keys: string[]): void }) {
  const { table, keys } = props;
  const [sought, setSought] = useState("");
  const move = (i: number, by: number) => {
    const next = [...keys];
    [next[i], next[i + by]] = [next[i + by], next[i]];
    props.onChange(next);
  };
  const fits = (key: string) => key.toLowerCase().includes(sought.toLowerCase());
  return (
    <Popup label="Columns" icon="columns">
      <div class="runs-columns">
        <input type="search" aria-label="Search columns" placeholder="Search columns" value={sought} onInput={(e) => setSought(e.currentTarget.value)} />
        {!sought && (
          <fieldset>
            <legend>Shown, in this order</legend>
            {keys.map((key, i) => (
              <div key={key}>
                <label>
                  <input type="checkbox" checked onChange={() => props.onChange(keys.filter((k) => k !== key))} />
                  {key}
                </label>
                <IconButton icon="up" label={"Move " + key + " to the left"} disabled={i === 0} onClick={() => move(i, -1)} />
                <IconButton icon="down" label={"Move " + key + " to the right"} disabled={i === keys.length - 1} onClick={() => move(i, 1)} />
              </div>
            ))}
            <button type="button" disabled={props.usual} onClick={() => props.onChange([])}>
              The usual columns
            </button>
          </fieldset>
        )}
        {allColumns(table).map(([title, all]) => {
          const found = all.filter((key) => !keys.includes(key) && fits(key));
          if (!found.length) return null;
          return (
            <fieldset key={title}>
              <legend>{title}</legend>
              {found.slice(0, 200).map((key) => (
                <div key={key}>
                  <label>
                    <input type="checkbox" checked={false} onChange={() => props.onChange([...keys, key])} />
                    {key}
                  </label>
                </div>
              ))}
              {found.length > 200 && <p class="muted">{found.length - 200} more: search for them</p>}
            </fieldset>
          );
        })}
      </div>
    </Popup>
  );
}

/** Copies what is shown as CSV or as Markdown. */
export function CopyMenu(props: { table: RunTable; shown: Shown; items: Item[]; columns: ColumnSpec[] }) {
  const copy = async (make: (rows: string[][]) => string, name: string) => {
    const done = await copyText(make(cellsOf(props)));
    announce(done ? "Copied as " + name : "The browser did not allow copying.");
  };
  return (
    <Menu
      label="Copy"
      icon="copy"
      items={[
        { text: "As CSV", onSelect: () => void copy(toCSV, "CSV") },
        { text: "As Markdown", onSelect: () => void copy(toMarkdown, "Markdown") },
      ]}
    />
  );
}

function cellsOf({ table, shown, items, columns }: { table: RunTable; shown: Shown; items: Item[]; columns: ColumnSpec[] }): string[][] {
  const specs = columns.map((c) => columnOf(table, c.key));
  const { sums } = shown;
  if (sums && shown.groups) {
    const metrics = specs.filter((c) => c.metric).map((c) => [c.key, sums.of(c.key)] as const);
    const head = ["group", "runs", ...metrics.flatMap(([key]) => [key + " mean", key + " sd", key + " n"])];
    return [
      head,
      ...shown.groups.map((g) => [
        g.label, String(g.rows.length),
        ...metrics.flatMap(([, of]) => {
          const s = of(g);
          return [s.n ? String(s.mean) : "", s.n > 1 ? String(s.sd) : "", String(s.n)];
        }),
      ]),
    ];
  }
  const rows = items.flatMap((i) => (i.group ? [] : [i.row]));
  return [
    ["id", "name", ...specs.map((c) => c.key)],
    ...rows.map((row) => [table.ids[row], nameOf(table, row), ...specs.map((c) => exactText(c.value(row)))]),
  ];
}

function toMarkdown(rows: string[][]): string {
  const line = (row: string[]) => "| " + row.map((s) => s.replace(/[\\|`*_<>[\]]/g, "\\$&").replace(/\s+/g, " ")).join(" | ") + " |";
  const [head, ...body] = rows;
  return [line(head), "|" + head.map(() => "---").join("|") + "|", ...body.map(line)].join("\n") + "\n";
}
