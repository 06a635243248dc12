import { Fragment, h } from "preact";
import { useLoading } from "../loading";
import { ErrorBox, formatBytes, formatDuration, formatNumber, Waiting } from "../parts";
import type { Source } from "../source";
import { numberOf, type Recorded, type Run, shortID, visible } from "./run-data";
import { Pairs } from "./run-origin";

interface Samples {
  seconds: number;
  series: { key: string; min: (Recorded | null)[]; max: (Recorded | null)[]; last: (Recorded | null)[] }[];
}

/** The machine of a run, and its samples over time. */
export function Machine({ run, source }: { run: Run; source: Source }) {
  const m = run.record!.machine ?? {};
  return (
    <Fragment>
      <Pairs
        list={[
          ["Host", m.host],
          ["CPU", m.cpu],
          ["Cores", m.cores?.toString()],
          ["Memory", m.memory && formatBytes(m.memory)],
          ["GPUs", m.gpus?.join(", ")],
          ["Kernel", m.kernel],
        ]}
      />
      {run.system && <SampleCurves run={run} source={source} />}
    </Fragment>
  );
}

function SampleCurves({ run, source }: { run: Run; source: Source }) {
  const { value, error } = useLoading(() => source.json<Samples>(`machine/${run.id}.json`), [source, run.id]);
  if (error) {
    const hint = source.live ? undefined : `This page was exported without them. Run 'runs ui' to see the samples of ${shortID(run.id)}.`;
    return <ErrorBox error={error} hint={hint} />;
  }
  if (!value) return <Waiting>Reading the machine samples…</Waiting>;
  return (
    <Fragment>
      <div class="run-samples">
        {value.series.map((s) => (
          <Sample key={s.key} of={s} />
        ))}
      </div>
      <p class="muted">From the start of the run to {formatDuration(value.seconds * 1000)}.</p>
    </Fragment>
  );
}

const width = 400;
const height = 60;

/** One machine sample over time: the range of each part of the time, and its last value. */
function Sample({ of }: { of: Samples["series"][number] }) {
  const numbers = (list: (Recorded | null)[]) => list.map((v) => (v === null ? NaN : numberOf(v)!));
  const [min, max, last] = [numbers(of.min), numbers(of.max), numbers(of.last)];
  const finite = [...min, ...max].filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const x = (i: number) => ((i + 0.5) / last.length) * width;
  const y = (v: number) => height - 3 - ((v - low) / (high - low || 1)) * (height - 6);
  const seen = last.map((_, i) => i).filter((i) => Number.isFinite(last[i]) && Number.isFinite(min[i]));
  const line = seen.map((i) => `${x(i).toFixed(1)},${y(last[i]).toFixed(1)}`).join(" ");
  const band = [...seen.map((i) => `${x(i).toFixed(1)},${y(max[i]).toFixed(1)}`), ...seen.reverse().map((i) => `${x(i).toFixed(1)},${y(min[i]).toFixed(1)}`)];
  return (
    <figure class="run-sample card">
      <figcaption>
        <b class="run-name">{visible(of.key)}</b>
        <span class="muted">{finite.length > 0 ? `${formatNumber(low)} to ${formatNumber(high)}` : "no numbers"}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${of.key} over the time of the run, from ${formatNumber(low)} to ${formatNumber(high)}`}
      >
        <polygon points={band.join(" ")} />
        <polyline points={line} />
      </svg>
    </figure>
  );
}
