import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { CurveChart } from "../chart";
import { replaceParams } from "../location";
import { Button, count, Section, Toggle } from "../parts";
import type { Source } from "../source";
import type { Comparison } from "./api";

const atFirst = 4;

/** The curves of the sides over each other, one chart a metric, the primary one first. */
export function Curves(props: { source: Source; comparison: Comparison; params: URLSearchParams; text: string }) {
  const { source, comparison: c, params, text } = props;
  const [most, setMost] = useState(atFirst);
  const runs = useMemo(
    () => [...new Set(c.sides.flatMap((s) => s.runs.filter((r) => r.shown).map((r) => r.id)))],
    [c],
  );
  const wanted = text.toLowerCase();
  const metrics = c.metrics.rows.filter((r) => r.curve && r.key.toLowerCase().includes(wanted));
  if (metrics.length === 0) return <Fragment />;
  const away = c.sides.filter((s) => !s.runs.some((r) => r.shown));
  const byGroup = c.sides.every((s) => /^group[=(]/.test(s.selector));
  const mean = byGroup && params.get("bands") !== "0";
  return (
    <Section title="Curves" count={metrics.length} id="curves">
      {byGroup && (
        <p>
          <Toggle label="Mean and deviation of each group" on={mean} onChange={(on) => replaceParams({ bands: on ? "" : "0" })} />
        </p>
      )}
      {away.length > 0 && (
        <p class="muted small">
          Without {away.map((s) => s.title).join(", ")}: the page does not show {away.length === 1 ? "its" : "their"} runs, because they
          are of another revision.
        </p>
      )}
      {runs.length > 0 && (
        <div class="compare-curves">
          {metrics.slice(0, most).map((m) => (
            <CurveChart
              key={m.key}
              source={source}
              runs={runs}
              metric={m.key}
              height={200}
              legend
              bands={mean ? "std" : undefined}
              groupBy={mean ? "group" : undefined}
            />
          ))}
        </div>
      )}
      {runs.length > 0 && metrics.length > most && (
        <Button kind="link" onClick={() => setMost(most + 20)}>
          Show {Math.min(20, metrics.length - most)} more of {count(metrics.length, "chart")}
        </Button>
      )}
    </Section>
  );
}
