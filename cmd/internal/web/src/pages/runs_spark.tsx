import { h, type VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Curve, decodeCurves, groupCurves } from "../chart/decode";
import { loadCurves } from "../chart/load";
import { useChanges } from "../live";
import type { Source } from "../source";
import type { RunTable } from "../table/columns";

const width = 64;
const height = 18;
const atOnce = 60;
const pause = 80; // ms in which rows that scroll by are not asked for

/** Small curves of one metric for the rows in view. They are asked for together, coarse, and kept. */
export function useSparks(source: Source, metric: string, table: RunTable): (row: number) => VNode | null {
  const known = useMemo(() => new Map<string, string>(), [source, metric]);
  const wanted = useRef(new Set<string>());
  const timer = useRef(0);
  const [version, setVersion] = useState(0);
  const column = table.section("metrics", metric);

  const load = async () => {
    const ids = [...wanted.current].slice(-atOnce); // those in view were asked for last
    wanted.current.clear();
    timer.current = 0;
    if (!ids.length) return;
    for (const id of ids) known.set(id, "");
    try {
      for (const c of mainCurves(await curvesOf(source, metric, ids))) known.set(c.run, pathOf(c));
      setVersion((v) => v + 1);
    } catch {
      // the rows say what the runs have; the curve is an ornament
    }
  };
  useEffect(() => () => clearTimeout(timer.current), [known]);
  useChanges(source, (changes) => {
    const ids = changes.reset ? [...known.keys()] : [...(changes.points ?? []), ...(changes.changed ?? [])];
    let some = false;
    for (const id of ids) some = known.delete(id) || some;
    if (some) setVersion((v) => v + 1);
  });
  return useMemo(
    () => (row: number) => {
      if (!column?.kinds[row]) return null;
      const id = table.ids[row];
      const path = known.get(id);
      if (path === undefined) {
        wanted.current.add(id);
        timer.current ||= window.setTimeout(() => void load(), pause);
      }
      return (
        <svg class="runs-spark" width={width} height={height} aria-hidden="true">
          {path && <path d={path} />}
        </svg>
      );
    },
    [known, column, version],
  );
}

/** The curve of each run that has most points: there is space for those of one set of labels. */
function mainCurves(curves: Curve[]): Curve[] {
  return [...groupCurves(curves).values()].map((list) => list.reduce((main, c) => (c.all > main.all ? c : main)));
}

async function curvesOf(source: Source, metric: string, runs: string[]): Promise<Curve[]> {
  if (!source.live) {
    const q = { metric, runs, x: "", width, smooth: 0, logX: false, logY: false };
    return (await loadCurves(source, q)).curves;
  }
  return decodeCurves(await source.bytes("curves.bin", { key: metric, runs: runs.join(","), width: String(width) })).curves;
}

/** Draws a curve in its own range, from left to right. */
function pathOf(c: Curve): string {
  const n = c.x.length;
  if (n < 2) return "";
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < n; i++) {
    if (c.min[i] < low) low = c.min[i];
    if (c.max[i] > high) high = c.max[i];
  }
  const across = c.x[n - 1] - c.x[0] || 1;
  const scale = high > low ? (height - 4) / (high - low) : 0;
  const step = Math.max(1, Math.floor(n / width));
  let path = "";
  let gap = true;
  for (let i = 0; i < n; i += step) {
    const y = height - 2 - (c.last[i] - low) * scale;
    if (!Number.isFinite(y)) {
      gap = true;
      continue;
    }
    path += `${gap ? "M" : "L"}${(1 + ((c.x[i] - c.x[0]) / across) * (width - 2)).toFixed(1)} ${(scale ? y : height / 2).toFixed(1)}`;
    gap = false;
  }
  return path;
}
