// A patch as lines with their kinds. No DOM.

export type LineKind = "file" | "hunk" | "added" | "removed" | "same" | "meta";

export interface Line {
  kind: LineKind;
  text: string;
  /** The numbers of the line before and after. */
  before?: number;
  after?: number;
}

/** Splits a patch by files. A line counts as changed only inside of a hunk: "--- a" may also be a removed "-- a". */
export function readPatch(text: string): { path: string; lines: Line[] }[] {
  const files: { path: string; lines: Line[] }[] = [];
  let [before, after, leftBefore, leftAfter] = [0, 0, 0, 0];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (leftBefore > 0 || leftAfter > 0) {
      const lines = files.at(-1)!.lines;
      const mark = line[0];
      if (mark === "\\") {
        lines.push({ kind: "meta", text: line });
        continue;
      }
      const entry: Line = { kind: mark === "+" ? "added" : mark === "-" ? "removed" : "same", text: line.slice(1) };
      if (mark !== "+") [entry.before, before, leftBefore] = [before, before + 1, leftBefore - 1];
      if (mark !== "-") [entry.after, after, leftAfter] = [after, after + 1, leftAfter - 1];
      lines.push(entry);
      continue;
    }
    if (line.startsWith("diff --git ")) {
      files.push({ path: pathOf(line), lines: [] });
      continue;
    }
    if (files.length === 0) files.push({ path: "", lines: [] });
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk) {
      [before, after] = [Number(hunk[1]), Number(hunk[3])];
      [leftBefore, leftAfter] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
    }
    const named = /^(?:\+\+\+|---) (?:[ab]\/)?(.*)$/.exec(line);
    if (named && named[1] !== "/dev/null") files.at(-1)!.path = named[1];
    if (!named) files.at(-1)!.lines.push({ kind: hunk ? "hunk" : "meta", text: line });
  }
  return files;
}

function pathOf(line: string): string {
  const rest = line.slice("diff --git ".length);
  const half = (rest.length - 1) / 2; // both names are the same, but for their first letter
  return rest.slice(0, half).slice(2) === rest.slice(half + 1).slice(2) ? rest.slice(2, half) : rest;
}
