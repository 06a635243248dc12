import { type Source, SourceError } from "../source";
import type { Comparison } from "./api";
import { writeSides } from "./sides";

/** Asks for a comparison. An export holds some of the comparisons of two runs, by their ids. */
export async function loadComparison(source: Source, sides: readonly string[], value = ""): Promise<Comparison> {
  if (source.live) {
    return source.json<Comparison>("compare.json", { runs: writeSides(sides), ...(value && { value }) });
  }
  try {
    return await source.json<Comparison>(`compare/${sides.join("..")}.json`);
  } catch (e) {
    if (!(e instanceof SourceError)) throw e;
    throw new SourceError("this comparison is not part of the export: use 'runs ui' or 'runs diff'", 404);
  }
}
