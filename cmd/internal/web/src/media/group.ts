// Which artifacts of a run belong together: the images of a key, their masks and boxes, the cells of tables. No DOM.

import type { Artifact } from "../pages/run-data";

export interface Medium {
  artifact: Artifact;
  /** The files that describe an image: its boxes and classes, and its masks. */
  notes: Artifact[];
  masks: Artifact[];
}

export interface MediaKey {
  key: string;
  kind: string;
  steps: number[];
  /** By step, in the order in which they were logged. */
  at: Map<number, Medium[]>;
  count: number;
}

const noStep = -1;
const image = /\.(png|jpe?g|gif|webp|bmp)$/i;
const cell = /\.\d+-\d+(\.[^/]*)?$/;

/** The media of a run by key. Files that belong to an image or to a table are with it, not beside it. */
export function mediaOf(artifacts: Artifact[]): MediaKey[] {
  const groups = new Map<string, Artifact[]>();
  for (const a of artifacts) {
    if (!a.key) continue;
    const id = a.key + "\0" + (a.step ?? noStep);
    const group = groups.get(id);
    if (group) group.push(a);
    else groups.set(id, [a]);
  }
  const keys = new Map<string, MediaKey>();
  for (const group of groups.values()) {
    for (const m of mediaAt(group)) {
      const kind = kindOf(m.artifact);
      const id = kind + "\0" + m.artifact.key;
      let of = keys.get(id);
      if (!of) keys.set(id, (of = { key: m.artifact.key!, kind, steps: [], at: new Map(), count: 0 }));
      const step = m.artifact.step ?? noStep;
      const there = of.at.get(step);
      if (there) there.push(m);
      else {
        of.at.set(step, [m]);
        of.steps.push(step);
      }
      of.count++;
    }
  }
  for (const k of keys.values()) k.steps.sort((a, b) => a - b);
  return [...keys.values()].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** The kind under which a medium is shown. A moving picture without sound is an image for a browser. */
function kindOf(a: Artifact): string {
  if (a.kind === "video" && image.test(a.path)) return "image";
  return a.kind || (image.test(a.path) ? "image" : "file");
}

function mediaAt(group: Artifact[]): Medium[] {
  const tables = group.filter((a) => a.kind === "table").map((a) => stem(a.path));
  const cells = (a: Artifact) => cell.test(a.path) && tables.includes(a.path.replace(cell, ""));
  const shown = group.filter((a) => !cells(a));
  const images = shown.filter((a) => a.kind === "image");
  const files = shown.filter((a) => a.kind === "file");
  const parts = new Set<Artifact>();
  const media = shown.map((artifact) => ({ artifact, notes: [] as Artifact[], masks: [] as Artifact[] }));
  const byArtifact = new Map(media.map((m) => [m.artifact, m]));
  for (const i of images) {
    const begin = stem(i.path) + ".";
    const m = byArtifact.get(i)!;
    for (const a of files) {
      if (!a.path.startsWith(begin)) continue;
      const rest = a.path.slice(begin.length);
      if (rest === "json") m.notes.push(a);
      else if (/^mask\d+\./.test(rest)) m.masks.push(a);
      else continue;
      parts.add(a);
    }
  }
  // An import keeps masks and boxes in folders of their own, in the order of the images.
  for (const [pattern, list] of [
    [/(^|\/)mask\/.*\.png$/i, "masks"],
    [/\.boxes2D\.json$/i, "notes"],
  ] as const) {
    const found = files.filter((a) => !parts.has(a) && pattern.test(a.path));
    const each = found.length / images.length;
    if (found.length === 0 || !Number.isInteger(each)) continue;
    found.forEach((a, n) => {
      byArtifact.get(images[Math.floor(n / each)])![list].push(a);
      parts.add(a);
    });
  }
  return media.filter((m) => !parts.has(m.artifact));
}

/** A path without the ending of its last part. */
export function stem(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") + 1 ? path.slice(0, dot) : path;
}
