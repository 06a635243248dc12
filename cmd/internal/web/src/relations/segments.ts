// The line pieces between two axes, each once: many runs share theirs. No DOM.

export interface Segments {
  /** The heights of the two ends of each piece, in whole pixels, and the index of its color. */
  from: number[];
  to: number[];
  color: number[];
  /** How many runs have it. */
  count: number[];
}

/** Collects the pieces of the rows that want it between two axes. Pieces of different colors differ. */
export function segmentsOf(a: ArrayLike<number>, b: ArrayLike<number>, color: ArrayLike<number>, wants: (row: number) => boolean): Segments {
  const at = new Map<number, number>();
  const s: Segments = { from: [], to: [], color: [], count: [] };
  for (let row = 0; row < a.length; row++) {
    if (!wants(row)) continue;
    const [from, to] = [Math.round(a[row]), Math.round(b[row])];
    const key = (color[row] * 8192 + from) * 8192 + to;
    const i = at.get(key);
    if (i !== undefined) {
      s.count[i]++;
      continue;
    }
    at.set(key, s.count.length);
    s.from.push(from);
    s.to.push(to);
    s.color.push(color[row]);
    s.count.push(1);
  }
  return s;
}

/** Groups pieces by color and by how many runs they stand for: 1, up to 4, up to 16, more. */
export function layersOf(s: Segments): { color: number; weight: number; pieces: number[] }[] {
  const layers = new Map<number, { color: number; weight: number; pieces: number[] }>();
  s.count.forEach((n, i) => {
    const weight = Math.min(3, Math.ceil(Math.log2(n) / 2));
    const key = weight * 256 + s.color[i];
    if (!layers.has(key)) layers.set(key, { color: s.color[i], weight, pieces: [] });
    layers.get(key)!.pieces.push(i);
  });
  return [...layers.entries()].sort(([a], [b]) => a - b).map(([, layer]) => layer);
}
