import { h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { formatNumber } from "../parts";
import { union } from "./grid";
import { axisName, placeText } from "./numbers";
import type { Line } from "./paint";

const mostColumns = 20;
const rowsAtOnce = 200;

/** The values behind a chart: a row for each place, a column for each curve. */
export function CurveTable({ lines, axis, title }: { lines: Line[]; axis: string; title: string }) {
  const [from, setFrom] = useState(0);
  const columns = lines.slice(0, mostColumns);
  const places = useMemo(() => columns.reduce<Float64Array>((all, l) => union(all, l.curve.xs), new Float64Array(0)), [lines]);
  const cells = useMemo(() => columns.map((l) => new Map(Array.from(l.curve.xs, (x, i) => [x, i]))), [lines]);
  const first = Math.min(from, Math.max(0, places.length - 1));
  const shown = places.subarray(first, first + rowsAtOnce);
  const many = columns.some((l) => l.curve.many);
  const text = (line: Line, cell: number | undefined) => {
    if (cell === undefined) return "";
    const { last, min, max } = line.curve;
    const range = line.curve.many && min[cell] < max[cell] ? ` (${formatNumber(min[cell])} to ${formatNumber(max[cell])})` : "";
    return formatNumber(last[cell]) + range;
  };
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`Values of ${title}`}>
      <table>
        <caption>
          {places.length > rowsAtOnce && `Rows ${first + 1} to ${first + shown.length} of ${places.length.toLocaleString("en-US")}. `}
          {many && "A row is the last value of several points, with the least and the greatest of them. "}
          {lines.length > mostColumns && `The first ${mostColumns} of ${lines.length} curves; CSV has all. `}
        </caption>
        <thead>
          <tr>
            <th scope="col">{axisName(axis)}</th>
            {columns.map((l) => (
              <th scope="col" key={l.id} title={l.detail}>
                {l.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from(shown, (x) => (
            <tr key={x}>
              <th scope="row">{placeText(axis, x)}</th>
              {columns.map((l, i) => (
                <td key={l.id}>{text(l, cells[i].get(x))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {places.length > rowsAtOnce && (
        <div class="chart-table-more">
          <button type="button" disabled={first === 0} onClick={() => setFrom(Math.max(0, first - rowsAtOnce))}>
            Earlier
          </button>
          <button type="button" disabled={first + rowsAtOnce >= places.length} onClick={() => setFrom(first + rowsAtOnce)}>
            Later
          </button>
        </div>
      )}
    </div>
  );
}
