import { h } from "preact";
import type { TableHead } from "../table/columns";
import { noExperiment } from "../table/view";
import { Status } from "../parts";

interface SideProps {
  head: TableHead;
  experiment: string;
  statuses: string[];
  where: string;
  onChange(changes: Record<string, string>): void;
}

/** Experiments, statuses and the saved filters of the settings. */
export function Side({ head, experiment, statuses, where, onChange }: SideProps) {
  const several = head.experiments.length > 1;
  if (!several && head.statuses.length < 2 && !head.filters.length && !statuses.length && !experiment) return null;
  return (
    <aside class="runs-side" aria-label="Narrow the list">
      {several && (
        <section>
          <h2>Experiments</h2>
          <ul>
            <Item text="All" count={head.rows} on={!experiment} onClick={() => onChange({ experiment: "" })} />
            {head.experiments.map(({ name, runs }) => (
              <Item
                key={name}
                text={name || "No experiment"}
                count={runs}
                on={experiment === (name || noExperiment)}
                onClick={() => onChange({ experiment: name || noExperiment })}
              />
            ))}
          </ul>
        </section>
      )}
      {head.statuses.length > 1 && (
        <section>
          <h2>Status</h2>
          <ul>
            {head.statuses.map(({ name, runs }) => (
              <li key={name}>
                <label>
                  <input
                    type="checkbox"
                    checked={statuses.includes(name)}
                    onChange={(e) => {
                      const rest = statuses.filter((s) => s !== name);
                      onChange({ status: (e.currentTarget.checked ? [...rest, name] : rest).join(",") });
                    }}
                  />
                  <Status status={name} />
                  <span class="runs-count">{runs.toLocaleString("en-US")}</span>
                </label>
              </li>
            ))}
          </ul>
        </section>
      )}
      {head.filters.length > 0 && (
        <section>
          <h2>Saved filters</h2>
          <ul>
            {head.filters.map((f) => (
              <Item
                key={f.name}
                text={f.name}
                title={f.where}
                on={where === f.where}
                onClick={() => onChange({ where: where === f.where ? "" : f.where })}
              />
            ))}
          </ul>
        </section>
      )}
    </aside>
  );
}

function Item(props: { text: string; title?: string; count?: number; on: boolean; onClick(): void }) {
  return (
    <li>
      <button type="button" class="quiet" title={props.title ?? props.text} aria-pressed={props.on} onClick={props.onClick}>
        <span>{props.text}</span>
        {props.count !== undefined && <span class="runs-count">{props.count.toLocaleString("en-US")}</span>}
      </button>
    </li>
  );
}
