import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { palette, useDark } from "../chart";
import { Matrix } from "../compare/matrix";
import { goTo, placeLink, replaceParams } from "../location";
import { announce, Choice, count, EmptyState, formatNumber, Section, Toggle } from "../parts";
import { type Axes, goalOf, titleOf, usualPair } from "./axes";
import { Canvas, type Paint, rule, type Size, useSize, write } from "./canvas";
import { type Coloring, colorBy } from "./colors";
import { ColorLegend, KeySelect, ScaleChoice, textOfValue } from "./controls";
import { type Goal, paretoFront } from "./pareto";
import { makeScale, type Scale, type ScaleKind, ticksOf, usualScale } from "./scales";
import type { Values } from "./values";

const [left, right, top, bottom] = [64, 14, 12, 40];
const gutter = 36; // for values without a place

interface Plot {
  x: Scale;
  y: Scale;
  /** The rows that have a place or lie in a gutter, as [x, y] from 0 to 1; -1 is the gutter. */
  at: Float32Array;
}

/** Values against values, one point a run. */
export function Scatter({ axes, params, selected }: { axes: Axes; params: URLSearchParams; selected: Uint8Array | null }) {
  const t = axes.table;
  const usual = usualPair(t);
  const xKey = params.get("x") || usual.x;
  const yKey = params.get("y") || usual.y;
  const cKey = params.get("c") ?? "";
  const x = axes.values(xKey);
  const y = axes.values(yKey);
  const c = cKey ? axes.values(cKey) : undefined;
  const kinds = { x: (params.get("sx") as ScaleKind) || usualScale(x), y: (params.get("sy") as ScaleKind) || usualScale(y) };
  const plot = useMemo(() => place(x, y, kinds.x, kinds.y), [x, y, kinds.x, kinds.y]);
  const hues = palette(useDark());
  const coloring = useMemo(() => colorBy(c, axes.rows.length, hues), [c, axes, hues]);
  const goals = { x: goalFor(params.get("gx"), goalOf(t, xKey)), y: goalFor(params.get("gy"), goalOf(t, yKey)) };
  const wantsFront = params.get("front") === "1";
  const numeric = plot.x.kind !== "category" && plot.y.kind !== "category";
  const front = useMemo(() => {
    if (!wantsFront || !numeric) return [];
    const only = (v: Values) => (selected ? v.numbers.map((n, i) => (selected[i] ? n : NaN)) : v.numbers);
    return paretoFront(only(x), only(y), goals.x, goals.y);
  }, [wantsFront, numeric, x, y, goals.x, goals.y, selected]);
  const order = useMemo(() => readingOrder(plot, selected), [plot, selected]);
  const titles = { x: titleOf(t, xKey), y: titleOf(t, yKey) };
  return (
    <div>
      <div class="bar relations-bar">
        <KeySelect table={t} label="x" value={xKey} onChange={(k) => replaceParams({ x: k, sx: "", gx: "" })} />
        <ScaleChoice label="Scale of x" values={x} value={plot.x.kind} onChange={(k) => replaceParams({ sx: k })} />
        <KeySelect table={t} label="y" value={yKey} onChange={(k) => replaceParams({ y: k, sy: "", gy: "" })} />
        <ScaleChoice label="Scale of y" values={y} value={plot.y.kind} onChange={(k) => replaceParams({ sy: k })} />
        <KeySelect table={t} label="Color" none="One color" value={cKey} onChange={(k) => replaceParams({ c: k })} />
        {numeric && (
          <Toggle
            label="Pareto front"
            title="Marks the runs that no other run beats in both values"
            on={wantsFront}
            onChange={(on) => replaceParams({ front: on ? "1" : "" })}
          />
        )}
        {numeric && wantsFront && (
          <Fragment>
            <GoalSelect label={"Better x"} goal={goals.x} onChange={(g) => replaceParams({ gx: g })} />
            <GoalSelect label={"Better y"} goal={goals.y} onChange={(g) => replaceParams({ gy: g })} />
          </Fragment>
        )}
      </div>
      {order.length === 0 ? (
        <EmptyState title="No point to draw">
          <p>
            No run shown has a value for {titles.x} or {titles.y}.
          </p>
        </EmptyState>
      ) : (
        <Chart {...{ axes, plot, coloring, front, selected, order, titles, keys: { x, y, c } }} />
      )}
      <ColorLegend coloring={coloring} title={c && titleOf(t, cKey)} />
      <Placeless x={x} y={y} titles={titles} plot={plot} />
      <PointsTable {...{ axes, order, front, titles, keys: { x, y, c }, color: c && titleOf(t, cKey) }} />
    </div>
  );
}

function goalFor(chosen: string | null, own: "" | Goal): Goal {
  return chosen === "min" || chosen === "max" ? chosen : own || "min";
}

function GoalSelect(props: { label: string; goal: Goal; onChange(goal: string): void }) {
  return (
    <Choice
      label={props.label}
      value={props.goal}
      options={[
        ["min", "less"],
        ["max", "more"],
      ]}
      onChange={props.onChange}
    />
  );
}

function place(x: Values, y: Values, kindX: ScaleKind, kindY: ScaleKind): Plot {
  const plot = { x: makeScale(x, kindX), y: makeScale(y, kindY), at: new Float32Array(2 * x.numbers.length) };
  for (let i = 0; i < x.numbers.length; i++) {
    const [px, py] = [plot.x.places[i], plot.y.places[i]];
    plot.at[2 * i] = px === px ? px : -1;
    plot.at[2 * i + 1] = py === py ? py : -1;
  }
  return plot;
}

/** The rows with a point, from left to right and from bottom to top: the order of arrow keys and of the table. */
function readingOrder(plot: Plot, selected: Uint8Array | null): number[] {
  const { at } = plot;
  const rows: number[] = [];
  for (let i = 0; i < at.length / 2; i++) {
    if ((at[2 * i] >= 0 || at[2 * i + 1] >= 0) && (!selected || selected[i])) rows.push(i);
  }
  return rows.sort((a, b) => at[2 * a] - at[2 * b] || at[2 * a + 1] - at[2 * b + 1] || a - b);
}

function pixel(at: Float32Array, i: number, size: Size): [number, number] {
  const [px, py] = [at[2 * i], at[2 * i + 1]];
  const width = size.width - left - right - gutter;
  const height = size.height - top - bottom - gutter;
  return [
    px < 0 ? left + gutter / 2 : left + gutter + px * width,
    py < 0 ? size.height - bottom - gutter / 2 : top + (1 - py) * height,
  ];
}

interface ChartProps {
  axes: Axes;
  plot: Plot;
  coloring: Coloring;
  front: number[];
  selected: Uint8Array | null;
  order: number[];
  titles: { x: string; y: string };
  keys: { x: Values; y: Values; c?: Values };
}

function Chart(props: ChartProps) {
  const { axes, plot, order, front, titles } = props;
  const [box, size] = useSize<HTMLDivElement>();
  const [at, setAt] = useState<number>();
  const paint = useMemo(() => painter(props), [plot, props.coloring, front, props.selected, titles.x, titles.y]);
  const point = at === undefined || at >= axes.rows.length ? undefined : at;
  const describe = (i: number) => `${axes.name(i)}: ${titles.x} ${textOfValue(props.keys.x, i)}, ${titles.y} ${textOfValue(props.keys.y, i)}`;
  const move = (next: number | undefined) => {
    setAt(next);
    if (next !== undefined) announce(describe(next));
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const k = point === undefined ? -1 : order.indexOf(point);
    const last = order.length - 1;
    const to = { ArrowRight: Math.min(last, k + 1), ArrowUp: Math.min(last, k + 1), ArrowLeft: Math.max(0, k - 1), ArrowDown: Math.max(0, k - 1), Home: 0, End: last, PageDown: Math.min(last, k + 10), PageUp: Math.max(0, k - 10) }[e.key];
    if (to !== undefined) {
      e.preventDefault();
      move(order[to]);
    } else if (e.key === "Enter" && point !== undefined) goTo(["run", axes.id(point)]);
    else if (e.key === "Escape" && point !== undefined) setAt(undefined);
  };
  const nearest = (e: MouseEvent): number | undefined => {
    const area = box.current!.getBoundingClientRect();
    const [mx, my] = [e.clientX - area.left, e.clientY - area.top];
    let [best, distance] = [undefined as number | undefined, 24 * 24];
    for (const i of order) {
      const [px, py] = pixel(plot.at, i, size);
      const d = (px - mx) ** 2 + (py - my) ** 2;
      if (d <= distance) [best, distance] = [i, d];
    }
    return best;
  };
  const spot = point === undefined || !size.width ? undefined : pixel(plot.at, point, size);
  return (
    <div
      ref={box}
      class={"scatter" + (point !== undefined ? " pointing" : "")}
      role="application"
      aria-roledescription="chart"
      aria-label={`${titles.y} by ${titles.x}, ${count(order.length, "run")}. Arrow keys read the points, Enter opens the run.`}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onMouseMove={(e) => setAt(nearest(e))}
      onMouseLeave={() => setAt(undefined)}
      onClick={(e) => {
        const i = nearest(e);
        if (i !== undefined) goTo(["run", axes.id(i)]);
      }}
    >
      <Canvas size={size} paint={paint} keys={[paint]} />
      {spot && (
        <Fragment>
          <span class="scatter-spot" style={{ left: spot[0] + "px", top: spot[1] + "px" }} />
          <div
            class="popup tip scatter-tip"
            style={{ left: Math.min(spot[0] + 12, size.width - 220) + "px", top: (spot[1] > size.height / 2 ? spot[1] - 88 : spot[1] + 12) + "px" }}
          >
            <strong>{axes.name(point!)}</strong>
            <div>
              {titles.x}: {textOfValue(props.keys.x, point!)}
            </div>
            <div>
              {titles.y}: {textOfValue(props.keys.y, point!)}
            </div>
            {props.keys.c && <div>color: {textOfValue(props.keys.c, point!)}</div>}
          </div>
        </Fragment>
      )}
    </div>
  );
}

function painter({ plot, coloring, front, selected, titles, keys }: ChartProps): Paint {
  return (ctx, size, theme) => {
    const inner = { x: left + gutter, y: top, right: size.width - right, bottom: size.height - bottom - gutter };
    ctx.clearRect(0, 0, size.width, size.height);
    ctx.font = "11px " + theme.font;
    ctx.lineWidth = 1;
    const base = size.height - bottom;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    for (const t of ticksOf(plot.x, Math.max(2, (inner.right - inner.x) / 90))) {
      const x = inner.x + t.place * (inner.right - inner.x);
      rule(ctx, theme.line, x, top, x, base);
      write(ctx, theme, t.text, x, base + 6, 86);
    }
    if (keys.x.finite + keys.x.texted < plot.at.length / 2) {
      write(ctx, theme, "none", left + gutter / 2, base + 6, 60);
      rule(ctx, theme.line, left + gutter, top, left + gutter, base, [2, 3]);
    }
    write(ctx, theme, titles.x, (inner.x + inner.right) / 2, size.height - 16, inner.right - inner.x, theme.text);
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    for (const t of ticksOf(plot.y, Math.max(2, (inner.bottom - inner.y) / 44))) {
      const y = inner.bottom - t.place * (inner.bottom - inner.y);
      rule(ctx, theme.line, left, y, inner.right, y);
      write(ctx, theme, t.text, left - 6, y, left - 24);
    }
    if (keys.y.finite + keys.y.texted < plot.at.length / 2) {
      write(ctx, theme, "none", left - 6, base - gutter / 2, 60);
      rule(ctx, theme.line, left, inner.bottom, inner.right, inner.bottom, [2, 3]);
    }
    rule(ctx, theme.edge, left, top, left, base);
    rule(ctx, theme.edge, left, base, inner.right, base);
    ctx.save();
    ctx.translate(10, (inner.y + inner.bottom) / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "center";
    write(ctx, theme, titles.y, 0, 0, inner.bottom - inner.y, theme.text);
    ctx.restore();
    const n = plot.at.length / 2;
    const radius = n > 5000 ? 2.2 : n > 500 ? 3 : 4.5;
    for (const chosen of selected ? [false, true] : [true]) {
      ctx.globalAlpha = chosen ? (n > 2000 ? 0.6 : 0.85) : 0.12;
      for (let color = 0; color < coloring.palette.length; color++) {
        ctx.beginPath();
        for (let i = 0; i < n; i++) {
          if (coloring.of[i] !== color || (selected && !!selected[i] !== chosen)) continue;
          if (plot.at[2 * i] < 0 && plot.at[2 * i + 1] < 0) continue;
          const [x, y] = pixel(plot.at, i, size);
          ctx.moveTo(x + radius, y);
          ctx.arc(x, y, radius, 0, 2 * Math.PI);
        }
        ctx.fillStyle = coloring.palette[color] || theme.accent;
        ctx.fill();
      }
    }
    ctx.globalAlpha = 1;
    if (front.length === 0) return;
    ctx.beginPath();
    front.forEach((i, k) => {
      const [x, y] = pixel(plot.at, i, size);
      if (k === 0) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    });
    ctx.strokeStyle = theme.text;
    ctx.lineWidth = 1.5;
    ctx.setLineDash([5, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
    for (const i of front) {
      const [x, y] = pixel(plot.at, i, size);
      ctx.beginPath();
      ctx.arc(x, y, radius + 2.5, 0, 2 * Math.PI);
      ctx.stroke();
    }
  };
}

/** Says how many runs lie where no value is. */
function Placeless({ x, y, titles, plot }: { x: Values; y: Values; titles: { x: string; y: string }; plot: Plot }) {
  const words = ([["x", x, plot.x], ["y", y, plot.y]] as const).flatMap(([side, v, s]) => [
    v.missing > 0 && `${count(v.missing, "run")} without ${titles[side]}`,
    v.infinite > 0 && `${count(v.infinite, "run")} with a ${titles[side]} that is not finite`,
    s.below > 0 && `${count(s.below, "run")} with a ${titles[side]} of zero or less, which a logarithmic axis cannot show`,
  ]);
  const all = words.filter(Boolean);
  return all.length === 0 ? <Fragment /> : <p class="note">{all.join("; ")}: drawn beside the axis.</p>;
}

function PointsTable(props: {
  axes: Axes;
  order: number[];
  front: number[];
  titles: { x: string; y: string };
  keys: { x: Values; y: Values; c?: Values };
  color?: string;
}) {
  const { axes, order, titles, keys } = props;
  const most = 500;
  const front = new Set(props.front);
  const rows = props.front.length > 0 ? [...order].sort((a, b) => Number(front.has(b)) - Number(front.has(a))) : order;
  return (
    <Section title="As a table" count={order.length} open={false}>
      <Matrix
        label="The points as a table"
        head={["Run", titles.x, titles.y, ...(keys.c ? [props.color] : []), ...(front.size > 0 ? ["Pareto front"] : [])]}
      >
        <tbody>
          {rows.slice(0, most).map((i) => (
            <tr key={axes.id(i)}>
              <th scope="row">
                <a href={placeLink(["run", axes.id(i)])}>{axes.name(i)}</a>
              </th>
              <td>{textOfValue(keys.x, i)}</td>
              <td>{textOfValue(keys.y, i)}</td>
              {keys.c && <td>{textOfValue(keys.c, i)}</td>}
              {front.size > 0 && <td>{front.has(i) ? "yes" : ""}</td>}
            </tr>
          ))}
        </tbody>
      </Matrix>
      {order.length > most && (
        <p class="note">
          The first {formatNumber(most)} of {count(order.length, "run")}. Filter the runs to see others.
        </p>
      )}
    </Section>
  );
}
