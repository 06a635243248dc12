// Masks and boxes of an image, as the client and the importers keep them. No DOM.

export interface Box {
  /** As fractions of the image. */
  x: number;
  y: number;
  width: number;
  height: number;
  class: number;
  caption: string;
}

export interface Layer {
  name: string;
  kind: "mask" | "boxes";
  /** The path of the mask's file; empty if the only name is the order of the files. */
  file: string;
  boxes: Box[];
  /** Whether positions of boxes are in pixels, by box. */
  pixels: boolean[];
  labels: Map<number, string>;
}

const maxBoxes = 2000;

type Any = Record<string, unknown>;

function object(v: unknown): Any | undefined {
  return typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Any) : undefined;
}

function finite(v: unknown): number | undefined {
  return typeof v === "number" && Number.isFinite(v) ? v : undefined;
}

/** Reads the JSON beside an image. What it does not understand is left out: the file may come from anyone. */
export function layersOf(json: unknown): Layer[] {
  const o = object(json);
  if (!o) return [];
  const common = labelsOf(o.classes);
  const layers: Layer[] = [];
  for (const [name, v] of Object.entries(object(o.masks) ?? {})) {
    const m = object(v);
    if (!m) continue;
    const file = typeof m.file === "string" ? m.file : "";
    layers.push({ name, kind: "mask", file, boxes: [], pixels: [], labels: new Map([...common, ...labelsOf(m.class_labels)]) });
  }
  const boxes = Array.isArray(o.box_data) ? { boxes: o } : (object(o.boxes) ?? {});
  for (const [name, v] of Object.entries(boxes)) {
    const b = object(v);
    if (!b || !Array.isArray(b.box_data)) continue;
    const layer: Layer = {
      name,
      kind: "boxes",
      file: "",
      boxes: [],
      pixels: [],
      labels: new Map([...common, ...labelsOf(b.class_labels)]),
    };
    for (const one of b.box_data.slice(0, maxBoxes)) readBox(object(one), layer);
    layers.push(layer);
  }
  return layers;
}

function readBox(b: Any | undefined, layer: Layer): void {
  const p = object(b?.position);
  if (!b || !p) return;
  let x = finite(p.minX);
  let y = finite(p.minY);
  let width = x === undefined ? undefined : (finite(p.maxX) ?? NaN) - x;
  let height = y === undefined ? undefined : (finite(p.maxY) ?? NaN) - y;
  if (Array.isArray(p.middle)) {
    width = finite(p.width);
    height = finite(p.height);
    x = (finite(p.middle[0]) ?? NaN) - (width ?? NaN) / 2;
    y = (finite(p.middle[1]) ?? NaN) - (height ?? NaN) / 2;
  }
  if (x === undefined || y === undefined || !Number.isFinite(x + y + width! + height!)) return;
  const id = finite(b.class_id) ?? 0;
  const scores = Object.entries(object(b.scores) ?? {}).map(([k, s]) => `${k} ${typeof s === "number" ? Number(s.toPrecision(3)) : s}`);
  const caption = typeof b.box_caption === "string" ? b.box_caption : (layer.labels.get(id) ?? "");
  layer.boxes.push({ x, y, width: width!, height: height!, class: id, caption: [caption, ...scores].filter(Boolean).join(", ") });
  layer.pixels.push(b.domain === "pixel");
}

/** Names of classes: {1: "car"}, [{id: 1, name: "car"}] or ["background", "car"]. */
function labelsOf(v: unknown): Map<number, string> {
  const labels = new Map<number, string>();
  if (Array.isArray(v)) {
    v.forEach((one, i) => {
      const o = object(one);
      if (o && finite(o.id) !== undefined) labels.set(o.id as number, String(o.name));
      else if (typeof one === "string") labels.set(i, one);
    });
    return labels;
  }
  for (const [id, name] of Object.entries(object(v) ?? {})) {
    if (Number.isInteger(Number(id)) && typeof name === "string") labels.set(Number(id), name);
  }
  return labels;
}

/** Ten hues that are told apart, as red, green and blue. A class keeps its color in all images. */
const palette = [
  [230, 85, 13],
  [49, 130, 189],
  [49, 163, 84],
  [227, 178, 0],
  [152, 78, 163],
  [0, 168, 168],
  [231, 41, 138],
  [120, 94, 47],
  [88, 88, 214],
  [140, 180, 20],
];

export function classColor(id: number): number[] {
  return palette[((Math.trunc(id) % palette.length) + palette.length) % palette.length];
}
