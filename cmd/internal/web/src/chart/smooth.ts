// Smoothing, as 'runs plot --smooth' does it. No DOM.

/**
 * The exponential moving average of y, corrected for its bias at the start. The weight is at least 0 and less than 1.
 * Values that are not finite stay as they are, and do not affect the average.
 */
export function smooth(y: ArrayLike<number>, weight: number): Float64Array {
  const out = new Float64Array(y.length);
  let mean = 0;
  let share = 1;
  for (let i = 0; i < y.length; i++) {
    const v = y[i];
    if (!Number.isFinite(v)) {
      out[i] = v;
      continue;
    }
    mean = weight * mean + (1 - weight) * v;
    share *= weight;
    out[i] = mean / (1 - share);
  }
  return out;
}
