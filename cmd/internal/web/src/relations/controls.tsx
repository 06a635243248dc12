import { Fragment, h } from "preact";
import { formatNumber, formatTime, Select } from "../parts";
import type { RunTable } from "../table/columns";
import { keyGroups, titleOf } from "./axes";
import type { Coloring } from "./colors";
import { type ScaleKind, scalesFor } from "./scales";
import type { Values } from "./values";

/** A choice of a key, grouped by what it is. */
export function KeySelect(props: {
  table: RunTable;
  label: string;
  value: string;
  none?: string;
  hideLabel?: boolean;
  without?: readonly string[];
  onChange(key: string): void;
}) {
  const groups = keyGroups(props.table);
  const known = props.value === "" || groups.some((g) => g.keys.includes(props.value));
  return (
    <label class="key-select">
      <span class={props.hideLabel ? "hidden" : "muted"}>{props.label}</span>
      <select
        value={props.value}
        onChange={(e) => {
          props.onChange(e.currentTarget.value);
          if (props.without) e.currentTarget.value = "";
        }}
      >
        {props.none !== undefined && <option value="">{props.none}</option>}
        {!known && (
          <option value={props.value} selected>
            {props.value}
          </option>
        )}
        {groups.map((g) => (
          <optgroup key={g.title} label={g.title}>
            {g.keys
              .filter((k) => !props.without?.includes(k))
              .map((k) => (
                <option key={k} value={k} selected={k === props.value}>
                  {titleOf(props.table, k)}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

const scaleNames: Record<ScaleKind, string> = { linear: "linear", log: "log", category: "categories" };

export function ScaleChoice(props: { label: string; values: Values; value: ScaleKind; onChange(kind: string): void }) {
  const kinds = scalesFor(props.values);
  if (kinds.length < 2) return <Fragment />;
  return (
    <Select
      label={props.label}
      hideLabel
      value={props.value}
      options={kinds.map((k) => [k, scaleNames[k]] as const)}
      onChange={props.onChange}
    />
  );
}

/** The value of a row as text. */
export function textOfValue(v: Values, row: number): string {
  const text = v.texts[row];
  if (text !== undefined) return text.length > 80 ? text.slice(0, 79) + "…" : text;
  const x = v.numbers[row];
  if (Number.isNaN(x) && !v.nan.has(row)) return "–";
  return v.time ? formatTime(x) : v.key === "attributes.duration" ? formatNumber(x) + " s" : formatNumber(x);
}

/** What the colors mean. */
export function ColorLegend({ coloring: c, title }: { coloring: Coloring; title?: string }) {
  if (!title) return <Fragment />;
  return (
    <div class="bar color-legend small" role="group" aria-label={"Colors by " + title}>
      <span class="muted">{title}</span>
      {c.marks && (
        <Fragment>
          <span class="num">{mark(c, 0)}</span>
          <span class="ramp" aria-hidden="true">
            {c.palette.slice(0, -1).map((color) => (
              <i key={color} style={{ background: color }} />
            ))}
          </span>
          <span class="num">{mark(c, 2)}</span>
          <span class="muted num">median {mark(c, 1)}, colors by rank</span>
        </Fragment>
      )}
      {c.names?.map((name, i) => (
        <span key={name} class="color-swatch">
          <i style={{ background: c.palette[i] }} aria-hidden="true" />
          {name.length > 40 ? name.slice(0, 39) + "…" : name}
        </span>
      ))}
      {c.names && c.palette.length > c.names.length + 1 && (
        <span class="color-swatch">
          <i style={{ background: c.palette[c.names.length] }} aria-hidden="true" />
          others
        </span>
      )}
      <span class="color-swatch muted">
        <i style={{ background: c.palette.at(-1) }} aria-hidden="true" />
        none
      </span>
    </div>
  );
}

function mark(c: Coloring, i: number): string {
  const v = c.marks![i];
  return c.time ? formatTime(v).slice(0, 16) : formatNumber(v);
}
