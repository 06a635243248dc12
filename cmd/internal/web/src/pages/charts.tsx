import { h } from "preact";
import { useMemo, useState, useEffect } from "preact/hooks";
import type { PageProps } from "../app";
import { PageHead } from "../parts";
import { CurveChart } from "../chart";
import { type MetricInfo, loadLegend, loadMetrics, type LegendRun } from "../chart/load";

export function ChartsPage({ source }: PageProps) {
  const [runs, setRuns] = useState<LegendRun[]>([]);
  const [metrics, setMetrics] = useState<MetricInfo[]>([]);
  useEffect(() => void loadLegend(source, { newest: 10 }).then(setRuns), [source]);
  const ids = useMemo(() => runs.map((r) => r.id), [runs]);
  useEffect(() => void (ids.length && loadMetrics(source, ids).then(setMetrics)), [ids]);
  return (
    <div>
      <PageHead title="Charts" />
      {metrics.map((m) => (
        <CurveChart key={m.key} source={source} runs={ids} metric={m.key} />
      ))}
    </div>
  );
}
