// The sides of a comparison in the address of the page: a list of selectors of runs and groups. No DOM.

/** Precedes an expression that stands for the group of the runs that match it. */
export const where = "where ";

export const maxSides = 50;

/** Reads a list of sides: escaped words between commas. */
export function readSides(runs: string | null, groups?: string | null): string[] {
  const words = (list: string | null | undefined) =>
    (list ?? "")
      .split(",")
      .map((w) => unescape(w).trim())
      .filter((w) => w !== "");
  const sides = words(runs).concat(words(groups).map((g) => (isSelector(g) ? g : where + g)));
  return [...new Set(sides)];
}

function isSelector(group: string): boolean {
  return group.startsWith(where) || group.startsWith("group=") || group.startsWith("group(");
}

function unescape(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** Writes what readSides reads. Ids stay as they are. */
export function writeSides(sides: readonly string[]): string {
  return sides.map((s) => s.replace(/[%,\s]/g, encodeURIComponent)).join(",");
}

/** The sides with one of them first, as the baseline of the others. */
export function withBaseline(sides: readonly string[], i: number): string[] {
  return [sides[i], ...sides.filter((_, k) => k !== i)];
}
