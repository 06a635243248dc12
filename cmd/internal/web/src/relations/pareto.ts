// The runs that no other run beats in both of two values. No DOM.

export type Goal = "min" | "max";

/**
 * Returns the indexes of the points on the Pareto front, in the order of x. A point is on it if no other point is at
 * least as good in both values and better in one. Equal points are all on it. Points with a value that is not finite are
 * left out.
 */
export function paretoFront(x: ArrayLike<number>, y: ArrayLike<number>, goalX: Goal, goalY: Goal): number[] {
  const signX = goalX === "min" ? 1 : -1;
  const signY = goalY === "min" ? 1 : -1;
  const order: number[] = [];
  for (let i = 0; i < x.length; i++) if (Number.isFinite(x[i]) && Number.isFinite(y[i])) order.push(i);
  order.sort((a, b) => signX * (x[a] - x[b]) || signY * (y[a] - y[b]) || a - b);
  const front: number[] = [];
  let best = Infinity; // y of the front so far
  let bestX = NaN;
  for (const i of order) {
    const v = signY * y[i];
    if (v < best) {
      best = v;
      bestX = x[i];
      front.push(i);
    } else if (v === best && x[i] === bestX) front.push(i);
  }
  return front.sort((a, b) => x[a] - x[b] || a - b);
}
