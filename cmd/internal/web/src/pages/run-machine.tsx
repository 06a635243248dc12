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
      <details>
        <summary class="muted">Table</summary>
        <table class="card">
          <thead>
            <tr>
              {["Sample", "Least", "Greatest", "Last"].map((t, i) => (
                <th key={t} class={i > 0 ? "num" : undefined}>
                  {t}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value.series.map((s) => (
              <tr key={s.key}>
                <th scope="row">{visible(s.key)}</th>
                {[Math.min(...numbers(s.min)), Math.max(...numbers(s.max)), numbers(s.last).pop() ?? NaN].map((v, i) => (
                  <td key={i} class="num">
                    {withUnit(s.key, v)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </Fragment>
  );
}

/** The values of the parts of the time that have one. */
function numbers(list: (Recorded | null)[]): number[] {
  return list.filter((v) => v !== null).map((v) => numberOf(v)!);
}

/** A sample with its unit, which its key implies. */
function withUnit(key: string, v: number): string {
  if (!Number.isFinite(v)) return "";
  if (/memory_bytes$|^process\.memory$/.test(key)) return formatBytes(v);
  const unit = { temperature: " °C", power: " W", cpu: " %", memory: " %", disk: " %", use: " %" }[key.slice(key.lastIndexOf(".") + 1)];
  return formatNumber(v) + (unit ?? "");
}

const width = 400;
const height = 60;

/** One machine sample over time: the range of each part of the time, and its last value. */
function Sample({ of }: { of: Samples["series"][number] }) {
  const [min, max, last] = [of.min, of.max, of.last].map((list) => list.map((v) => numberOf(v) ?? NaN));
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
        <span class="muted">{finite.length > 0 ? `${withUnit(of.key, low)} to ${withUnit(of.key, high)}` : "no numbers"}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${of.key} over the time of the run, from ${withUnit(of.key, low)} to ${withUnit(of.key, high)}`}
      >
        <polygon points={band.join(" ")} />
        <polyline points={line} />
      </svg>
    </figure>
  );
}
