import { Fragment, h } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { palette, useDark } from "../chart";
import { Matrix } from "../compare/matrix";
import { readSides, writeSides } from "../compare/sides";
import { goTo, replaceParams } from "../location";
import { Button, EmptyState, IconButton, Popup } from "../parts";
import { type Axes, firstMetric, titleOf, usualAxes } from "./axes";
import { type Brush, brushBetween, withBrush, writeBrushes } from "./brush";
import { Canvas, type Paint, rule, type Size, type Theme, useSize, write } from "./canvas";
import { type Coloring, colorBy } from "./colors";
import { ColorLegend, KeySelect, ScaleChoice, textOfValue } from "./controls";
import { makeScale, placeOf, placeOfName, type Scale, type ScaleKind, ticksOf, usualScale } from "./scales";
import { layersOf, segmentsOf } from "./segments";
import type { Values } from "./values";

const [side, top, bottom] = [70, 10, 34];
const none = 32; // the place of missing values below an axis

interface Axis {
  key: string;
  title: string;
  values: Values;
  scale: Scale;
}

/** Chosen axes beside each other, one line a run. A brush on an axis selects runs. */
export function Parallel(props: { axes: Axes; params: URLSearchParams; brushes: readonly Brush[]; selected: Uint8Array | null }) {
  const { axes, params, brushes, selected } = props;
  const t = axes.table;
  const keys = params.has("axes") ? readSides(params.get("axes")) : usualAxes(t);
  const kinds = readKinds(params.get("scales"));
  const cKey = params.get("pc") ?? firstMetric(t) ?? "";
  const list = useMemo(
    () =>
      keys.map((key): Axis => {
        const values = axes.values(key);
        return { key, title: titleOf(t, key), values, scale: makeScale(values, kinds[key] ?? usualScale(values)) };
      }),
    [axes, keys.join("\n"), params.get("scales")],
  );
  const c = cKey ? axes.values(cKey) : undefined;
  const hues = palette(useDark());
  const coloring = useMemo(() => colorBy(c, axes.rows.length, hues), [c, axes, hues]);
  const setKeys = (next: string[]) => replaceParams({ axes: writeSides(next) });
  const setBrush = (key: string, b: Brush | undefined) => replaceParams({ b: writeBrushes(withBrush(brushes, key, b)) });
  return (
    <div>
      <div class="bar relations-bar">
        <KeySelect table={t} label="Add an axis" none="Choose…" value="" without={keys} onChange={(k) => k && setKeys([...keys, k])} />
        <KeySelect table={t} label="Color" none="One color" value={cKey} onChange={(k) => replaceParams({ pc: k || " " })} />
        <Button icon="reset" onClick={() => replaceParams({ axes: "", scales: "", pc: "", b: "" })}>
          Reset
        </Button>
      </div>
      {list.length === 0 ? (
        <EmptyState title="No axis chosen">
          <p>Add a param or a metric above.</p>
        </EmptyState>
      ) : (
        <Fragment>
          <Lines axes={axes} list={list} brushes={brushes} selected={selected} coloring={coloring} onBrush={setBrush} />
          <ColorLegend coloring={coloring} title={c && titleOf(t, cKey)} />
          <AxisTable list={list} brushes={brushes} kinds={kinds} onKeys={setKeys} onBrush={setBrush} />
        </Fragment>
      )}
    </div>
  );
}

function readKinds(text: string | null): Record<string, ScaleKind> {
  try {
    const kinds: unknown = JSON.parse(text || "{}");
    return typeof kinds === "object" && kinds !== null ? (kinds as Record<string, ScaleKind>) : {};
  } catch {
    return {};
  }
}

const axisX = (i: number, n: number, size: Size) => side + (n === 1 ? 0.5 : i / (n - 1)) * (size.width - 2 * side);
const span = (size: Size) => size.height - top - bottom - none;
const placeY = (place: number, size: Size) => (place === place ? top + (1 - place) * span(size) : size.height - bottom - none / 2);

interface LinesProps {
  axes: Axes;
  list: readonly Axis[];
  brushes: readonly Brush[];
  selected: Uint8Array | null;
  coloring: Coloring;
  onBrush(key: string, b: Brush | undefined): void;
}

interface Drag {
  axis: number;
  from: number;
  to: number;
}

function Lines({ axes, list, brushes, selected, coloring, onBrush }: LinesProps) {
  const [box, size] = useSize<HTMLDivElement>();
  const [drag, setDrag] = useState<Drag>();
  const [hover, setHover] = useState<number>();
  const dragging = useRef<Drag | undefined>(undefined);
  const paint = useMemo(() => linePainter(list, selected, coloring, axes.rows.length), [list, selected, coloring, axes]);
  const place = (clientY: number) => {
    const y = clientY - box.current!.getBoundingClientRect().top;
    if (y > size.height - bottom - none + 4) return NaN;
    return Math.max(0, Math.min(1, 1 - (y - top) / span(size)));
  };
  const axisNear = (clientX: number) => {
    const x = clientX - box.current!.getBoundingClientRect().left;
    const i = list.findIndex((_, k) => Math.abs(axisX(k, list.length, size) - x) <= 14);
    return i;
  };
  const finish = () => {
    const d = dragging.current;
    dragging.current = undefined;
    setDrag(undefined);
    if (!d) return;
    const { key, scale, values } = list[d.axis];
    if (Number.isNaN(d.from)) {
      if (values.missing > 0) onBrush(key, { key, missing: true });
    } else if (Math.abs(d.from - (Number.isNaN(d.to) ? 0 : d.to)) * span(size) < 4 && scale.kind !== "category") onBrush(key, undefined);
    else onBrush(key, brushBetween(key, scale, d.from, Number.isNaN(d.to) ? 0 : d.to));
  };
  const lineAt = (e: MouseEvent): number | undefined => {
    const area = box.current!.getBoundingClientRect();
    const [mx, my] = [e.clientX - area.left, e.clientY - area.top];
    const n = list.length;
    let i = 0;
    while (i < n - 2 && axisX(i + 1, n, size) < mx) i++;
    const [a, b] = [list[i].scale.places, list[Math.min(n - 1, i + 1)].scale.places];
    const [xa, xb] = [axisX(i, n, size), axisX(Math.min(n - 1, i + 1), n, size)];
    const part = xb > xa ? (mx - xa) / (xb - xa) : 0;
    if (part < -0.1 || part > 1.1) return undefined;
    let [best, distance] = [undefined as number | undefined, 6];
    for (let row = 0; row < axes.rows.length; row++) {
      if (selected && !selected[row]) continue;
      const y = placeY(a[row], size) * (1 - part) + placeY(b[row], size) * part;
      const d = Math.abs(y - my);
      if (d < distance) [best, distance] = [row, d];
    }
    return best;
  };
  const points = hover === undefined || hover >= axes.rows.length ? [] : list.map((a, i) => [axisX(i, list.length, size), placeY(a.scale.places[hover], size)]);
  return (
    <div
      ref={box}
      class={"parallel" + (hover !== undefined ? " pointing" : "")}
      role="group"
      aria-label={"Parallel coordinates of " + list.map((a) => a.title).join(", ") + ". The table below has the brushes as fields."}
      onMouseMove={(e) => !dragging.current && setHover(axisNear(e.clientX) >= 0 ? undefined : lineAt(e))}
      onMouseLeave={() => setHover(undefined)}
      onClick={(e) => {
        const row = axisNear(e.clientX) >= 0 ? undefined : lineAt(e);
        if (row !== undefined) goTo(["run", axes.id(row)]);
      }}
    >
      <Canvas size={size} paint={paint} keys={[paint]} />
      {points.length > 0 && (
        <svg class="parallel-hover" width={size.width} height={size.height} aria-hidden="true">
          <polyline points={points.map((p) => p.join(",")).join(" ")} />
        </svg>
      )}
      {list.map((a, i) => (
        <div
          key={a.key}
          class="parallel-axis"
          style={{ left: axisX(i, list.length, size) - 14 + "px", top: "0", height: size.height - bottom + 2 + "px" }}
          onPointerDown={(e) => {
            const from = place(e.clientY);
            dragging.current = { axis: i, from, to: from };
            e.preventDefault();
            e.currentTarget.setPointerCapture(e.pointerId);
            setHover(undefined);
          }}
          onPointerMove={(e) => {
            if (dragging.current) setDrag((dragging.current = { ...dragging.current, to: place(e.clientY) }));
          }}
          onPointerUp={finish}
          onPointerCancel={() => {
            dragging.current = undefined;
            setDrag(undefined);
          }}
          title={"Drag to select values of " + a.title}
        />
      ))}
      {list.map((a, i) => {
        const d = drag?.axis === i ? drag : undefined;
        const spans = d && !Number.isNaN(d.from) ? [[d.from, Number.isNaN(d.to) ? 0 : d.to]] : brushSpans(brushes.find((b) => b.key === a.key), a);
        return spans.map(([p, q], k) => {
          const [y1, y2] = [placeY(Math.max(p, q), size), placeY(Math.min(p, q), size)];
          return <div key={a.key + k} class="parallel-brush" style={{ left: axisX(i, list.length, size) - 7 + "px", top: y1 - 3 + "px", height: Math.max(6, y2 - y1 + 6) + "px" }} />;
        });
      })}
      {hover !== undefined && points.length > 0 && (
        <div class="popup tip parallel-tip">
          <strong>{axes.name(hover)}</strong>
          {list.map((a) => (
            <div key={a.key}>
              {a.title}: {textOfValue(a.values, hover)}
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** The parts of an axis that a brush covers, as pairs of places. */
function brushSpans(b: Brush | undefined, a: Axis): [number, number][] {
  if (!b) return [];
  if ("missing" in b) return [[NaN, NaN]];
  const inside = (p: number) => Math.max(0, Math.min(1, p));
  if ("names" in b) return b.names.map((n) => placeOfName(a.scale, n)).filter((p) => p === p).map((p) => [p, p]);
  if (a.scale.kind === "category") {
    return a.scale.names.filter((n) => Number(n) >= b.from && Number(n) <= b.to).map((n) => placeOfName(a.scale, n)).map((p) => [p, p]);
  }
  const from = b.from === -Infinity ? 0 : placeOf(a.scale, b.from);
  const to = b.to === Infinity ? 1 : placeOf(a.scale, b.to);
  return [[inside(from === from ? from : 0), inside(to === to ? to : 1)]];
}

const batch = 300; // pieces of a path: drawing time grows faster than their number

/** Paints the lines in small parts, so that 10,000 of them do not hold up the page. */
function linePainter(list: readonly Axis[], selected: Uint8Array | null, coloring: Coloring, rows: number): Paint {
  return (ctx, size, theme) => {
    ctx.clearRect(0, 0, size.width, size.height);
    const n = list.length;
    const xs = list.map((_, i) => axisX(i, n, size));
    const ys = list.map((a) => Float32Array.from(a.scale.places, (p) => placeY(p, size)));
    if (n === 1) {
      xs.push(xs[0] + 12);
      ys.push(ys[0]);
    }
    const chosen = selected ? selected.reduce((sum, s) => sum + s, 0) : rows;
    const alpha = Math.max(0.1, Math.min(0.8, 300 / Math.max(1, chosen)));
    const faint = Math.max(0.05, Math.min(0.3, 30 / rows));
    const jobs: (() => void)[] = [];
    const draw = (i: number, of: ArrayLike<number>, wants: (row: number) => boolean, paint: (color: number) => string, strength: number) => {
      const s = segmentsOf(ys[i], ys[i + 1], of, wants);
      for (const { color, weight, pieces } of layersOf(s)) {
        for (let k = 0; k < pieces.length; k += batch) {
          jobs.push(() => {
            ctx.beginPath();
            for (const p of pieces.slice(k, k + batch)) {
              ctx.moveTo(xs[i], s.from[p]);
              ctx.lineTo(xs[i + 1], s.to[p]);
            }
            ctx.globalAlpha = Math.min(0.95, strength * 2 ** weight);
            ctx.strokeStyle = paint(color);
            ctx.stroke();
          });
        }
      }
    };
    const one = new Uint8Array(rows);
    for (const some of selected ? [false, true] : [true]) {
      for (let i = 0; i + 1 < xs.length; i++) {
        if (some) draw(i, coloring.of, (row) => !selected || !!selected[row], (c) => coloring.palette[c] || theme.accent, alpha);
        else draw(i, one, (row) => !selected![row], () => theme.muted, faint);
      }
    }
    let frame = 0;
    const work = () => {
      const until = performance.now() + 14;
      ctx.lineWidth = 1.2;
      for (let next = jobs.shift(); next; next = performance.now() < until ? jobs.shift() : undefined) next();
      ctx.globalAlpha = 1;
      paintAxes(ctx, size, theme, list, xs);
      if (jobs.length > 0) frame = requestAnimationFrame(work);
    };
    work();
    return () => cancelAnimationFrame(frame);
  };
}

function paintAxes(ctx: CanvasRenderingContext2D, size: Size, theme: Theme, list: readonly Axis[], xs: number[]) {
  const room = list.length > 1 ? (size.width - 2 * side) / (list.length - 1) : size.width;
  list.forEach((a, i) => {
    const x = xs[i];
    const none = placeY(NaN, size);
    const last = i > 0 && i === list.length - 1;
    const label = (text: string, y: number) => {
      write(ctx, theme, text, x + (last ? 6 : -6), y, Math.min(110, room - 14));
      rule(ctx, theme.edge, x - 3, y, x + 3, y);
    };
    ctx.lineWidth = 1;
    ctx.font = "11px " + theme.font;
    ctx.textBaseline = "middle";
    ctx.textAlign = last ? "left" : "right";
    rule(ctx, theme.edge, x, top, x, placeY(0, size));
    for (const t of ticksOf(a.scale, a.scale.kind === "category" ? Math.floor(span(size) / 15) : 6)) label(t.text, placeY(t.place, size));
    if (a.values.missing + a.values.infinite + a.scale.below > 0) label("none", none);
    ctx.font = "600 11px " + theme.font;
    ctx.textAlign = "center";
    write(ctx, theme, a.title, x, size.height - bottom / 2 - 2, Math.min(room - 8, 2 * Math.min(x, size.width - x)), theme.text);
  });
}

interface AxisTableProps {
  list: readonly Axis[];
  brushes: readonly Brush[];
  kinds: Record<string, ScaleKind>;
  onKeys(keys: string[]): void;
  onBrush(key: string, b: Brush | undefined): void;
}

/** The axes as rows of controls: order, scale and brush, all of them for a keyboard. */
function AxisTable({ list, brushes, kinds, onKeys, onBrush }: AxisTableProps) {
  const keys = list.map((a) => a.key);
  const swap = (i: number, k: number) => onKeys(keys.map((key, at) => (at === i ? keys[k] : at === k ? keys[i] : key)));
  return (
    <Matrix label="Axes" head={["Axis", "Scale", "Selected values", ">None", ".Change"]}>
      <tbody>
        {list.map((a, i) => (
          <tr key={a.key}>
            <th scope="row">{a.title}</th>
            <td>
              <ScaleChoice
                label={"Scale of " + a.title}
                values={a.values}
                value={a.scale.kind}
                onChange={(k) => replaceParams({ scales: JSON.stringify({ ...kinds, [a.key]: k }) })}
              />
            </td>
            <td>
              <BrushFields axis={a} brush={brushes.find((b) => b.key === a.key)} onBrush={(b) => onBrush(a.key, b)} />
            </td>
            <td class="num">{a.values.missing + a.values.infinite || ""}</td>
            <td class="num">
              <IconButton icon="left" label={`Move ${a.title} to the left`} disabled={i === 0} onClick={() => swap(i, i - 1)} />
              <IconButton icon="right" label={`Move ${a.title} to the right`} disabled={i === list.length - 1} onClick={() => swap(i, i + 1)} />
              <IconButton
                icon="close"
                label={`Remove ${a.title}`}
                onClick={() => {
                  onBrush(a.key, undefined);
                  onKeys(keys.filter((k) => k !== a.key));
                }}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </Matrix>
  );
}

function BrushFields({ axis: a, brush, onBrush }: { axis: Axis; brush?: Brush; onBrush(b: Brush | undefined): void }) {
  const clear = brush && <IconButton icon="close" label={`Clear the selection of ${a.title}`} onClick={() => onBrush(undefined)} />;
  const missing = a.values.missing > 0 && (
    <label>
      <input
        type="checkbox"
        checked={!!brush && "missing" in brush}
        onChange={(e) => onBrush(e.currentTarget.checked ? { key: a.key, missing: true } : undefined)}
      />
      only without it
    </label>
  );
  if (a.scale.kind === "category") {
    const names = brush && "names" in brush ? brush.names : [];
    const set = (name: string, on: boolean) => {
      const next = on ? [...names, name] : names.filter((n) => n !== name);
      onBrush(next.length > 0 ? { key: a.key, names: a.scale.names.filter((n) => next.includes(n)) } : undefined);
    };
    return (
      <span class="bar brush-fields">
        <Popup label={names.length > 0 ? names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : "") : "all"} kind="quiet">
          <fieldset class="brush-names">
            <legend>{a.title}</legend>
            {a.scale.names.slice(0, 200).map((n) => (
              <label key={n}>
                <input type="checkbox" checked={names.includes(n)} onChange={(e) => set(n, e.currentTarget.checked)} />
                {n.length > 60 ? n.slice(0, 59) + "…" : n}
              </label>
            ))}
            {a.scale.names.length > 200 && <p class="muted small">The first 200 of {a.scale.names.length}.</p>}
          </fieldset>
        </Popup>
        {missing}
        {clear}
      </span>
    );
  }
  const range = brush && "from" in brush ? brush : { from: -Infinity, to: Infinity };
  const set = (change: { from?: number; to?: number }) => {
    const next = { from: range.from, to: range.to, ...change };
    onBrush(next.from === -Infinity && next.to === Infinity ? undefined : { key: a.key, ...next });
  };
  return (
    <span class="bar brush-fields">
      <Bound label={`Least ${a.title}`} hint={a.scale.low} value={range.from} open={-Infinity} time={a.scale.time} onChange={(from) => set({ from })} />
      <span class="muted">to</span>
      <Bound label={`Greatest ${a.title}`} hint={a.scale.high} value={range.to} open={Infinity} time={a.scale.time} onChange={(to) => set({ to })} />
      {missing}
      {clear}
    </span>
  );
}

/** A bound of an interval as a field. Empty is open. */
function Bound(props: { label: string; hint: number; value: number; open: number; time: boolean; onChange(v: number): void }) {
  const show = (v: number) => (props.time ? new Date(v).toISOString() : String(Number(v.toPrecision(6))));
  const text = Number.isFinite(props.value) ? (props.time ? new Date(props.value).toISOString() : String(props.value)) : "";
  const [wrong, setWrong] = useState(false);
  return (
    <input
      key={text}
      class="bound"
      aria-label={props.label}
      aria-invalid={wrong}
      defaultValue={text}
      placeholder={show(props.hint)}
      spellcheck={false}
      onChange={(e) => {
        const typed = e.currentTarget.value.trim();
        const v = typed === "" ? props.open : props.time ? Date.parse(typed) : Number(typed);
        setWrong(Number.isNaN(v));
        if (!Number.isNaN(v)) props.onChange(v);
      }}
    />
  );
}
