// A patch as files and lines. No DOM.

export interface PatchFile {
  name: string;
  /** What happened to it beyond its lines: "new file", "deleted", "renamed from ...", "binary". */
  how: string;
  added: number;
  removed: number;
  lines: string[];
}

/** Splits patches that 'git apply' accepts into files. Text that belongs to none is a file of its own, without a name. */
export function patchFiles(patch: string): PatchFile[] {
  const files: PatchFile[] = [];
  let file: PatchFile | undefined;
  let before = 0;
  let after = 0;
  for (const line of patch.replace(/\n$/, "").split("\n")) {
    const head = /^diff --git (.*)$/.exec(line);
    if (head && before <= 0 && after <= 0) {
      file = { name: nameOf(head[1]), how: "", added: 0, removed: 0, lines: [] };
      files.push(file);
      continue;
    }
    if (!file) {
      if (!line.trim()) continue;
      file = { name: "", how: "", added: 0, removed: 0, lines: [] };
      files.push(file);
    }
    if (before > 0 || after > 0) {
      const sign = line[0];
      if (sign === "+") file.added++;
      else if (sign === "-") file.removed++;
      if (sign !== "+" && sign !== "\\") before--;
      if (sign !== "-" && sign !== "\\") after--;
      file.lines.push(line);
      continue;
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk) {
      before = Number(hunk[1] ?? 1);
      after = Number(hunk[2] ?? 1);
      file.lines.push(line);
    } else if (line.startsWith("new file")) file.how = "new file";
    else if (line.startsWith("deleted file")) file.how = "deleted";
    else if (line.startsWith("rename from ")) file.how = "renamed from " + line.slice(12);
    else if (/^(GIT binary patch|Binary files )/.test(line)) file.how = (file.how + ", binary").replace(/^, /, "");
    else if (line.startsWith("\\") || line.startsWith("[cut after ")) file.lines.push(line);
    else if (/^old mode|^new mode/.test(line)) file.how ||= "mode changed";
  }
  return files;
}

/** The name in "a/x b/x". A name that Git quotes stays as it is. */
function nameOf(names: string): string {
  const half = (names.length - 5) / 2;
  if (names.startsWith("a/") && Number.isInteger(half) && names.slice(2, 2 + half) === names.slice(-half)) {
    return names.slice(-half);
  }
  return names.replace(/^.* "?b\//, "").replace(/"$/, "");
}
