// Where the points of a small chart lie. No DOM.

export interface Placed {
  x: [number, number];
  y: [number, number];
  atX(v: number): number;
  atY(v: number): number;
  /** The path of each line in the notation of SVG. It has a gap where a value is not finite. */
  paths: string[];
}

export function placePoints(lines: readonly { steps: readonly number[]; values: readonly number[] }[], box: { left: number; top: number; right: number; bottom: number }): Placed {
  const x = extent(lines.map((l) => l.steps));
  const y = extent(lines.map((l) => l.values));
  const atX = (v: number) => box.left + ((v - x[0]) / (x[1] - x[0])) * (box.right - box.left);
  const atY = (v: number) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top);
  const paths = lines.map(({ steps, values }) => {
    let path = "";
    let open = false;
    values.forEach((v, i) => {
      const finite = Number.isFinite(v);
      if (finite) path += `${open ? "L" : "M"}${atX(steps[i]).toFixed(1)} ${atY(v).toFixed(1)}`;
      open = finite;
    });
    return path;
  });
  return { x, y, atX, atY, paths };
}

/** The least and the greatest finite number, apart from each other. */
export function extent(lists: readonly (readonly number[])[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const v of list) {
      if (!Number.isFinite(v)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) return [0, 1];
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    return [low - room, high + room];
  }
  return [low, high];
}
