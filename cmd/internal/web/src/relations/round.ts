// Round numbers for the ticks of an axis. No DOM.

/** Round numbers in an interval, about n of them. */
export function roundNumbers(low: number, high: number, n: number): number[] {
  const rough = (high - low) / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) ?? power;
  if (!(step > 0) || !Number.isFinite(step)) return [low];
  const list: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && list.length < 50; i++) {
    list.push(Number((i * step).toPrecision(12)));
  }
  return list;
}
