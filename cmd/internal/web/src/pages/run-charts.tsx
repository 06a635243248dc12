import { Fragment, h } from "preact";
import { useMemo } from "preact/hooks";
import { CurveChart } from "../chart";
import { type Place, placeLink, replaceParams } from "../location";
import { SearchField, Select, Toggle } from "../parts";
import type { Source } from "../source";
import type { Run } from "./run-data";
import { matches, useFirst } from "./run-parts";

const shownCharts = 12;

/** A chart of each metric with more than one point. Only those near the view are read. */
export function RunCharts({ run, source, place }: { run: Run; source: Source; place: Place }) {
  const find = place.params.get("chart") ?? "";
  const x = place.params.get("x") ?? "";
  const smooth = Number(place.params.get("smooth") ?? 0) || 0;
  const log = place.params.get("logy") !== null;
  const ids = useMemo(() => [run.id], [run.id]);
  const all = run.metrics.filter((m) => m.count > 1 && !m.hidden);
  const [list, more] = useFirst(
    all.filter((m) => matches(m.name, find)),
    shownCharts,
  );
  return (
    <Fragment>
      <div class="bar run-sub">
        {all.length > shownCharts && <SearchField label="Find a chart" value={find} onInput={(chart) => replaceParams({ chart })} />}
        <Select
          label="x"
          value={x}
          options={[
            ["", "as defined"],
            ["step", "step"],
            ["time", "time"],
            ["relative", "time since start"],
          ]}
          onChange={(x) => replaceParams({ x })}
        />
        <label>
          <span class="muted">Smoothing</span>
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={smooth}
            aria-valuetext={smooth ? String(smooth) : "none"}
            onInput={(e) => replaceParams({ smooth: e.currentTarget.value === "0" ? "" : e.currentTarget.value })}
          />
        </label>
        <Toggle label="Log y" on={log} onChange={(on) => replaceParams({ logy: on ? "1" : "" })} />
        <a href={placeLink(["charts"], new URLSearchParams({ runs: run.id }))}>With other runs</a>
      </div>
      <div class="run-charts">
        {list.map((m) => (
          <CurveChart
            key={m.name}
            source={source}
            runs={ids}
            metric={m.name}
            x={x}
            smooth={smooth}
            logY={log}
            height={180}
            legend={false}
          />
        ))}
      </div>
      {more}
    </Fragment>
  );
}
