import { h } from "preact";
import { Icon } from "../parts";
import { type Colour, dashOf } from "./colour";
import type { Line } from "./paint";

/** A short line as a curve is drawn. */
export function Swatch({ colour, hues }: { colour: Colour; hues: readonly string[] }) {
  return (
    <svg class="swatch" width="18" height="8" viewBox="0 0 18 8" aria-hidden="true">
      <line x1="0" y1="4" x2="18" y2="4" stroke={hues[colour.hue]} stroke-width="3" stroke-dasharray={dashOf(colour).join(" ") || undefined} />
    </svg>
  );
}

/** What remains hidden after a click on a line or, to show it alone, a double click. */
export function toggled(hidden: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(hidden);
  if (!next.delete(id)) next.add(id);
  return next;
}

export function isolated(all: string[], hidden: ReadonlySet<string>, id: string): Set<string> {
  const others = all.filter((other) => other !== id);
  // The first click of a double click has hidden or shown the line itself.
  return new Set(others.every((other) => hidden.has(other)) ? [] : others);
}

/** The names of the curves. A click hides one, a double click hides the others. */
export function Legend(props: {
  lines: readonly Pick<Line, "id" | "name" | "detail" | "colour">[];
  hidden: ReadonlySet<string>;
  onHide(hidden: ReadonlySet<string>): void;
  hues: readonly string[];
  left: number;
  /** The address of the page of a run. */
  link?(id: string): string;
}) {
  const { lines, hidden, onHide } = props;
  const ids = lines.map((l) => l.id);
  const isolate = (id: string) => onHide(isolated(ids, hidden, id));
  return (
    <ul class="chart-legend" aria-label="Curves">
      {lines.map((l) => (
        <li key={l.id}>
          <button
            type="button"
            aria-pressed={!hidden.has(l.id)}
            title={`${l.name} ${l.detail}\nClick: hide or show. Double click or Shift+Enter: show alone.`}
            onClick={(e) => e.detail < 2 && onHide(toggled(hidden, l.id))}
            onDblClick={() => isolate(l.id)}
            onKeyDown={(e) => {
              if (e.key !== "Enter" || !e.shiftKey) return;
              e.preventDefault();
              isolate(l.id);
            }}
          >
            <Swatch colour={l.colour} hues={props.hues} />
            <span class="chart-legend-name">{l.name}</span>
            {l.detail && <span class="chart-legend-detail">{l.detail}</span>}
          </button>
          {props.link && (
            <a class="chart-legend-link" href={props.link(l.id)} aria-label={"Open " + l.name} title={"Open " + l.name}>
              <Icon name="right" size={12} />
            </a>
          )}
        </li>
      ))}
      {props.left > 0 && <li class="chart-legend-more">{`and ${props.left.toLocaleString("en-US")} more`}</li>}
    </ul>
  );
}
