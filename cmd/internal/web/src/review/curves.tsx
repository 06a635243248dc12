import { h } from "preact";
import { toNumber } from "../compare/rows";
import { count, formatNumber } from "../parts";
import { ticks } from "../chart/ticks";
import { Matrix } from "../compare/matrix";
import type { Curve } from "./api";
import { placePoints } from "./scale";

const [width, height, left, bottom] = [720, 220, 56, 22];

/** The metric of the baseline and of the best run over their steps, with the numbers behind it. */
export function ReviewCurves({ curves, metric }: { curves: readonly Curve[]; metric: string }) {
  const lines = curves.map((c) => ({ steps: c.steps, values: c.values.map(toNumber) }));
  const placed = placePoints(lines, { left, top: 8, right: width - 16, bottom: height - bottom });
  const name = `${metric} by step: ` + curves.map((c) => c.name).join(" and ");
  return (
    <figure class="review-curves">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={name}>
        {ticks("number", ...placed.y, 5, false).map((t) => (
          <g key={t}>
            <line x1={left} x2={width - 16} y1={placed.atY(t)} y2={placed.atY(t)} />
            <text x={left - 6} y={placed.atY(t) + 4} text-anchor="end">
              {formatNumber(t)}
            </text>
          </g>
        ))}
        {ticks("number", ...placed.x, 6, false).map((t) => (
          <text key={t} x={placed.atX(t)} y={height - 6} text-anchor="middle">
            {formatNumber(t)}
          </text>
        ))}
        {placed.paths.map((d, i) => (
          <path key={i} class={"line-" + i} d={d} />
        ))}
      </svg>
      <figcaption class="bar">
        {curves.map((c, i) => (
          <span key={c.id}>
            <svg width="22" height="8" aria-hidden="true">
              <path class={"line-" + i} d="M0 4H22" />
            </svg>
            {c.name} ({i === 0 ? "baseline" : "best"}){" "}
            <span class="muted">
              {c.of > c.values.length ? `${c.values.length} of ${c.of} points` : count(c.of, "point")}, last{" "}
              {formatNumber(toNumber(c.values.at(-1)))}
            </span>
          </span>
        ))}
      </figcaption>
      <details>
        <summary>As a table</summary>
        <Matrix label={name} head={["Step", ...curves.map((c) => ">" + c.name)]}>
          <Numbers curves={curves} />
        </Matrix>
      </details>
    </figure>
  );
}

function Numbers({ curves }: { curves: readonly Curve[] }) {
  const at = curves.map((c) => new Map(c.steps.map((s, i) => [s, toNumber(c.values[i])])));
  const steps = [...new Set(curves.flatMap((c) => c.steps))].sort((a, b) => a - b);
  return (
    <tbody>
      {steps.map((s) => (
        <tr key={s}>
          <th scope="row">{s}</th>
          {at.map((values, i) => (
            <td key={i} class="num">
              {values.has(s) ? formatNumber(values.get(s)!) : ""}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}
