import { type Source, SourceError } from "../source";
import { loadTable } from "../table/load";
import type { Comparison } from "./api";
import { compareRows } from "./partial";
import { writeSides } from "./sides";

/**
 * Asks for a comparison. An export holds some of the comparisons of two runs, by their ids. The page makes the others
 * from the table of runs.
 */
export async function loadComparison(source: Source, sides: readonly string[], value = ""): Promise<Comparison> {
  if (source.live) {
    return source.json<Comparison>("compare.json", { runs: writeSides(sides), ...(value && { value }) });
  }
  const table = await loadTable(source);
  const made = compareRows(table, sides);
  if (made.sides.length !== 2) return made;
  try {
    const held = await source.json<Comparison>(`compare/${made.sides.map((s) => s.id).join("..")}.json`);
    held.sides.forEach((s, i) => (s.selector = made.sides[i].selector));
    return { ...held, missing: made.missing };
  } catch (e) {
    if (!(e instanceof SourceError)) throw e;
    return made;
  }
}
