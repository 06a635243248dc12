// The colours of runs. A run has the same hue on every page, unless two runs of a view would have the same. No DOM.

/** How a run is drawn: one of ten hues and, in views of more than ten runs, one of three dashes. */
export interface Colour {
  /** 0 to 9. */
  hue: number;
  /** 0 to 2. */
  dash: number;
}

// Chosen for the largest least difference between two of them, seen with normal eyes and with no red, green or blue
// cones, at a contrast of 3 or more to the background.
const light = ["#2a6be0", "#ea6d1b", "#4f9861", "#c56fe0", "#c13a69", "#027b8a", "#915e01", "#464213", "#0a1f80", "#4c1744"];
const dark = ["#2dabfc", "#d9700f", "#36e0a1", "#9a76ff", "#ff4776", "#cefff8", "#e6a123", "#fce256", "#c8c3fd", "#c285b9"];

/** The hues for a light or a dark background. */
export function palette(onDark: boolean): readonly string[] {
  return onDark ? dark : light;
}

const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 3]];

/** The lengths of the parts of a line in pixels, drawn and not drawn by turns; none is a whole line. */
export function dashOf(c: Colour): readonly number[] {
  return dashes[c.dash];
}

/** FNV-1a over the characters of a text. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d); // the last characters alone must reach all bits
  return (h ^ (h >>> 13)) >>> 0;
}

/**
 * The colours of the runs of a view. The hue of a run comes from its id. If an older run of the view has it, the run
 * takes the next free one, so a new run changes no other. Beyond ten runs, hues repeat with other dashes; beyond thirty,
 * lines are whole again, because so many cannot be told apart.
 */
export function colours(ids: Iterable<string>): Map<string, Colour> {
  const taken = new Uint32Array(10);
  const result = new Map<string, Colour>();
  let round = 0;
  for (const id of [...new Set(ids)].sort()) {
    if (taken.every((n) => n > round)) round++;
    let hue = hash(id) % 10;
    while (taken[hue] > round) hue = (hue + 3) % 10;
    taken[hue]++;
    result.set(id, { hue, dash: round < 3 ? round : 0 });
  }
  return result;
}
