// Histograms as values have them, and as a grid of densities over steps. No DOM.

export interface Histogram {
  edges: number[];
  counts: number[];
  total: number;
  /** Numbers that fit in no bin, in words: "3 NaN, 1 inf". */
  odd: string;
}

const maxBins = 4096;

/** Reads a histogram, or nothing if the value is not a valid one. */
export function histogramOf(value: unknown): Histogram | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const v = value as Record<string, unknown>;
  const { bins, values } = v;
  if (v._type !== "histogram" || !Array.isArray(bins) || !Array.isArray(values)) return undefined;
  if (values.length === 0 || values.length > maxBins || bins.length !== values.length + 1) return undefined;
  const edges = bins.map(Number);
  const counts = values.map(Number);
  if (!edges.every(Number.isFinite) || !counts.every((c) => Number.isFinite(c) && c >= 0)) return undefined;
  for (let i = 1; i < edges.length; i++) if (edges[i] < edges[i - 1]) return undefined;
  const odd = (["nan", "inf", "-inf"] as const)
    .filter((k) => Number(v[k]) > 0)
    .map((k) => `${Number(v[k])} ${k === "nan" ? "NaN" : k}`)
    .join(", ");
  return { edges, counts, total: counts.reduce((a, b) => a + b, 0), odd };
}

/** The lowest and highest edge of bins that hold something, over all histograms. */
export function rangeOf(list: Histogram[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const h of list) {
    h.counts.forEach((c, i) => {
      if (c === 0) return;
      low = Math.min(low, h.edges[i]);
      high = Math.max(high, h.edges[i + 1]);
    });
  }
  if (!(low < high)) return Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
  return [low, high];
}

/** Spreads the counts of a histogram over rows of equal height from low to high. The sum stays the same. */
export function spread(h: Histogram, low: number, high: number, rows: number): Float64Array {
  const out = new Float64Array(rows);
  const height = (high - low) / rows;
  h.counts.forEach((c, i) => {
    if (c === 0) return;
    const from = (h.edges[i] - low) / height;
    const to = (h.edges[i + 1] - low) / height;
    const first = Math.max(0, Math.min(rows - 1, Math.floor(from)));
    if (to - from < 1e-9) {
      out[first] += c;
      return;
    }
    for (let row = first; row < rows && row < to; row++) {
      out[row] += (c * Math.max(0, Math.min(to, row + 1) - Math.max(from, row))) / (to - from);
    }
  });
  return out;
}

/** A value below which a part q of the numbers of a histogram are, taking a bin as even. */
export function quantile(h: Histogram, q: number): number {
  let left = q * h.total;
  for (let i = 0; i < h.counts.length; i++) {
    if (h.counts[i] > 0 && left <= h.counts[i]) return h.edges[i] + (left / h.counts[i]) * (h.edges[i + 1] - h.edges[i]);
    left -= h.counts[i];
  }
  return h.edges[h.edges.length - 1];
}
