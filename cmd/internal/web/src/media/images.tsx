import { type ComponentChildren, Fragment, h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLoading } from "../loading";
import { type Artifact } from "../pages/run-data";
import { useFirst } from "../pages/run-parts";
import { Dialog, IconButton, visible } from "../parts";
import { classColor, type Layer, layersOf } from "./annotations";
import { typeOf, useBlob } from "./bytes";
import type { MediaKey, Medium } from "./group";
import { away, type MediaProps } from "./props";

const shownImages = 24;
const maxNotes = 4 << 20; // bytes of the file that describes an image
const maxCanvas = 1600; // pixels of the longer side of an overlay

interface Drawn {
  hidden: Set<string>;
  opacity: number;
}

/** A layer with the artifact that has its pixels. */
interface Shown extends Layer {
  mask?: Artifact;
}

const classKey = (layer: string, id: number) => layer + "\0" + id;

/** The images of a key at a step, with their masks and boxes over them, which can be switched by class. */
export function ImageGrid(props: MediaProps & { of: MediaKey; at: number; slider: ComponentChildren }) {
  const { of, at, slider, run, source } = props;
  const items = of.at.get(of.steps[at])!;
  const [open, setOpen] = useState(-1);
  const [drawn, setDrawn] = useState<Drawn>({ hidden: new Set(), opacity: 0.5 });
  const [shown, more] = useFirst(items, shownImages);
  const key = shown.map((m) => m.artifact.sha256).join();
  const { value: layers } = useLoading(
    () => Promise.all(shown.map((m) => readLayers(m, run.id, source))),
    [source, run.id, key],
  );
  const one = (m: Medium, i: number, large: boolean) => (
    <Picture medium={m} layers={layers?.[i] ?? []} drawn={drawn} run={run} source={source} large={large} />
  );
  return (
    <Fragment>
      {layers && <Legend layers={layers.flat()} drawn={drawn} onChange={setDrawn} />}
      <div class="media-grid">
        {shown.map((m, i) => (
          <button
            key={i}
            type="button"
            class="media-tile"
            aria-label={"Enlarge " + (m.artifact.caption ? visible(m.artifact.caption) : `${of.key}, image ${i + 1}`)}
            onClick={() => setOpen(i)}
          >
            {one(m, i, false)}
            {m.artifact.caption && <small>{visible(m.artifact.caption)}</small>}
          </button>
        ))}
      </div>
      {more}
      {open >= 0 && (
        <Dialog title={visible(of.key)} wide onClose={() => setOpen(-1)}>
          <div class="bar">
            {slider}
            {items.length > 1 && (
              <Fragment>
                <IconButton icon="left" label="Previous image" disabled={open === 0} onClick={() => setOpen(open - 1)} />
                <IconButton icon="right" label="Next image" disabled={open >= shown.length - 1} onClick={() => setOpen(open + 1)} />
              </Fragment>
            )}
          </div>
          {layers && <Legend layers={layers[open] ?? []} drawn={drawn} onChange={setDrawn} />}
          {shown[open] ? one(shown[open], open, true) : <p class="muted">This step has no image {open + 1}.</p>}
          {shown[open]?.artifact.caption && <p>{visible(shown[open].artifact.caption!)}</p>}
        </Dialog>
      )}
    </Fragment>
  );
}

/** Reads what describes an image. What cannot be read is left out: the image is shown without it. */
async function readLayers(m: Medium, run: string, source: MediaProps["source"]): Promise<Shown[]> {
  const layers: Shown[] = [];
  const used = new Set<string>();
  for (const a of m.notes) {
    if (a.bytes > maxNotes || a.place !== "here") continue;
    try {
      const text = new TextDecoder().decode(await source.bytes(`artifact/${run}/${a.sha256}.bin`));
      for (const layer of layersOf(JSON.parse(text))) {
        const mask = m.masks.find((f) => f.path === layer.file);
        if (mask) used.add(mask.path);
        if (mask || layer.kind === "boxes") layers.push({ ...layer, mask });
      }
    } catch {
      continue;
    }
  }
  m.masks.forEach((mask, i) => {
    if (used.has(mask.path)) return;
    layers.push({ name: "mask " + (i + 1), kind: "mask", file: mask.path, boxes: [], pixels: [], labels: new Map(), mask });
  });
  return layers;
}

function Legend(props: { layers: Shown[]; drawn: Drawn; onChange(drawn: Drawn): void }) {
  const { drawn, onChange } = props;
  const byName = new Map<string, Map<number, string>>();
  for (const l of props.layers) {
    const key = `${l.name} (${l.kind})`;
    const classes = byName.get(key) ?? new Map<number, string>();
    byName.set(key, classes);
    for (const [id, label] of l.labels) classes.set(id, label);
    for (const b of l.boxes) if (!classes.has(b.class)) classes.set(b.class, "class " + b.class);
  }
  if (byName.size === 0) return null;
  const set = (keys: string[], on: boolean) => {
    const hidden = new Set(drawn.hidden);
    for (const k of keys) on ? hidden.delete(k) : hidden.add(k);
    onChange({ ...drawn, hidden });
  };
  return (
    <div class="media-legend">
      {[...byName].map(([name, classes]) => (
        <fieldset key={name} class="bar">
          <label>
            <input
              type="checkbox"
              checked={!drawn.hidden.has(name)}
              onChange={(e) => set([name], e.currentTarget.checked)}
            />
            <b>{visible(name)}</b>
          </label>
          {[...classes].slice(0, 60).map(([id, label]) => {
            const key = classKey(name, id);
            return (
              <label key={id}>
                <input
                  type="checkbox"
                  checked={!drawn.hidden.has(key)}
                  disabled={drawn.hidden.has(name)}
                  onChange={(e) => set([key], e.currentTarget.checked)}
                />
                <svg class="media-swatch" width="10" height="10" aria-hidden="true">
                  <rect width="10" height="10" rx="2" fill={`rgb(${classColor(id).join()})`} />
                </svg>
                {visible(label)}
              </label>
            );
          })}
        </fieldset>
      ))}
      <label>
        Opacity
        <input
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={drawn.opacity}
          onInput={(e) => onChange({ ...drawn, opacity: Number(e.currentTarget.value) })}
        />
      </label>
    </div>
  );
}

/** One image with what is drawn over it. It is loaded when it comes into view. */
function Picture(props: MediaProps & { medium: Medium; layers: Shown[]; drawn: Drawn; large: boolean }) {
  const { medium, layers, drawn, run, source } = props;
  const a = medium.artifact;
  const box = useRef<HTMLSpanElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const seen = useSeen(box);
  const [size, setSize] = useState<[number, number]>();
  const { url, error } = useBlob(source, seen && a.place === "here" ? `image/${run.id}/${a.sha256}.bin` : undefined, /^image\//);
  const key = layers.map((l) => l.mask?.sha256 ?? l.name).join();
  const { value: pixels } = useLoading(
    () => Promise.all(layers.map((l) => (seen && l.mask ? readMask(l.mask, run.id, source) : Promise.resolve(undefined)))),
    [source, run.id, key, seen],
  );
  useEffect(() => {
    if (canvas.current && size) draw(canvas.current, size, layers, pixels ?? [], drawn);
  }, [size, layers, pixels, drawn]);
  const alt = a.caption ? visible(a.caption) : visible(a.path.split("/").pop()!);
  return (
    <span ref={box} class={props.large ? "media-picture large" : "media-picture"}>
      {a.place !== "here" || error ? (
        <span class="muted">{error?.message ?? away}</span>
      ) : (
        url && (
          <span class="media-frame">
            <img
              src={url}
              alt={alt}
              onLoad={(e) => setSize([e.currentTarget.naturalWidth, e.currentTarget.naturalHeight])}
              class={size && Math.max(...size) < 200 ? "small-image" : undefined}
            />
            {layers.length > 0 && <canvas ref={canvas} aria-hidden="true" />}
          </span>
        )
      )}
    </span>
  );
}

/** Whether an element has been near the view. */
function useSeen(box: { current: HTMLElement | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const look = new IntersectionObserver(
      (entries) => {
        if (!entries.some((e) => e.isIntersecting)) return;
        setSeen(true);
        look.disconnect();
      },
      { rootMargin: "300px" },
    );
    look.observe(box.current!);
    return () => look.disconnect();
  }, []);
  return seen;
}

interface Mask {
  width: number;
  height: number;
  /** The class of each pixel. */
  classes: Uint8Array;
}

async function readMask(a: Artifact, run: string, source: MediaProps["source"]): Promise<Mask | undefined> {
  if (a.place !== "here") return undefined;
  try {
    const bytes = await source.bytes(`image/${run}/${a.sha256}.bin`);
    const type = typeOf(new Uint8Array(bytes, 0, 16));
    if (type !== "image/png") return undefined;
    // Without a conversion of colors, a pixel has the number that was written.
    const image = await createImageBitmap(new Blob([bytes], { type }), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const { width, height } = image;
    const context = new OffscreenCanvas(width, height).getContext("2d")!;
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, width, height).data;
    const classes = new Uint8Array(width * height);
    for (let i = 0; i < classes.length; i++) classes[i] = data[4 * i];
    return { width, height, classes };
  } catch {
    return undefined; // the image is shown without it
  }
}

function draw(canvas: HTMLCanvasElement, [width, height]: [number, number], layers: Shown[], masks: (Mask | undefined)[], drawn: Drawn) {
  const scale = Math.max(1, Math.min(4, Math.floor(600 / Math.max(width, height)))) * Math.min(1, maxCanvas / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  layers.forEach((layer, i) => {
    const name = `${layer.name} (${layer.kind})`;
    if (drawn.hidden.has(name)) return;
    const mask = masks[i];
    if (mask) drawMask(context, canvas, mask, name, layer, drawn);
    drawBoxes(context, canvas, width, height, name, layer, drawn);
  });
}

function drawMask(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, mask: Mask, name: string, layer: Shown, drawn: Drawn) {
  const pixels = new ImageData(mask.width, mask.height);
  const out = new Uint32Array(pixels.data.buffer);
  const colors = new Uint32Array(256);
  const bytes = new Uint8Array(colors.buffer);
  for (let id = 0; id < 256; id++) {
    // Class 0 is the background, unless it has a name and is switched on.
    const show = !drawn.hidden.has(classKey(name, id)) && (id > 0 || layer.labels.has(0));
    bytes.set([...classColor(id), show ? Math.round(drawn.opacity * (id === 0 ? 110 : 255)) : 0], 4 * id);
  }
  for (let i = 0; i < out.length; i++) out[i] = colors[mask.classes[i]];
  const buffer = new OffscreenCanvas(mask.width, mask.height);
  buffer.getContext("2d")!.putImageData(pixels, 0, 0);
  context.drawImage(buffer, 0, 0, canvas.width, canvas.height);
}

function drawBoxes(
  context: CanvasRenderingContext2D,
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  name: string,
  layer: Shown,
  drawn: Drawn,
) {
  context.font = "600 12px system-ui, sans-serif";
  context.lineWidth = 2;
  layer.boxes.forEach((b, i) => {
    if (drawn.hidden.has(classKey(name, b.class))) return;
    const [sx, sy] = layer.pixels[i] ? [canvas.width / width, canvas.height / height] : [canvas.width, canvas.height];
    const [x, y] = [b.x * sx, b.y * sy];
    const color = `rgb(${classColor(b.class).join()})`;
    context.strokeStyle = color;
    context.strokeRect(x, y, b.width * sx, b.height * sy);
    if (!b.caption) return;
    const text = visible(b.caption).slice(0, 60);
    const w = context.measureText(text).width + 8;
    const top = Math.max(0, y - 16);
    context.fillStyle = color;
    context.fillRect(x - 1, top, w, 16);
    context.fillStyle = "#fff";
    context.fillText(text, x + 3, top + 12);
  });
}
