// Unpacks curves that an export has packed: see export_curves.go, which says what each stream holds.

interface Line {
  cells: number;
  first: number;
  many?: boolean;
  steps?: boolean;
  xs?: boolean;
  times?: boolean;
  marks?: number;
}

/** Reports whether an answer with curves is packed. */
export function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === 0x52 && bytes[1] === 0x43 && bytes[2] === 0x50 && bytes[3] === 0x31; // RCP1
}

const kinds = { grid: 0, last: 8, low: 16, high: 19, step: 22, at: 26, time: 30, x: 34, other: 42, count: 43 };

class Unpacker {
  private readonly places: number[] = [];
  private readonly scratch = new DataView(new ArrayBuffer(8));

  constructor(
    private readonly bytes: Uint8Array<ArrayBuffer>,
    view: DataView,
    lengths: number,
  ) {
    let at = lengths + 4 * kinds.count;
    for (let i = 0; i < kinds.count; i++) {
      this.places.push(at);
      at += view.getUint32(lengths + 4 * i, true);
    }
  }

  private fill(stream: number, count: number, shift: number): DataView {
    const { scratch, places, bytes } = this;
    scratch.setUint32(0, 0);
    for (let i = 0; i < count; i++) scratch.setUint8(shift + i, bytes[places[stream + i]++]);
    return scratch;
  }

  float(stream: number): number {
    return this.fill(stream, 8, 0).getFloat64(0, true);
  }

  int(stream: number): number {
    return this.fill(stream, 4, 0).getInt32(0, true);
  }

  /** The upper 24 bits of a float32. */
  distance(stream: number): number {
    return this.fill(stream, 3, 1).getFloat32(0, true);
  }

  other(count: number): DataView {
    const from = this.places[kinds.other];
    this.places[kinds.other] += count;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + from, count);
  }
}

/** Returns the answer that was packed, in the form that curve.Encode describes. */
export function unpackCurves(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(4, true);
  const text = bytes.subarray(8, 8 + length);
  const head = JSON.parse(new TextDecoder().decode(text)) as { places: number; curves: Line[] };
  let size = 8 + length + 8 * head.places;
  for (const l of head.curves) size += sizeOf(l);
  const out = new ArrayBuffer(size);
  new DataView(out).setUint32(0, length, true);
  new Uint8Array(out).set(text, 8);
  const p = new Unpacker(bytes, view, 8 + length);
  let at = 8 + length;
  const floats = (n: number) => {
    at += 8 * n;
    return new Float64Array(out, at - 8 * n, n);
  };
  floats(head.places).forEach((_, i, all) => (all[i] = p.float(kinds.grid)));
  for (const l of head.curves) {
    if (!l.cells) continue;
    if (l.first < 0) {
      const places = new Uint32Array(out, at, l.cells);
      for (let i = 0, before = 0; i < l.cells; i++) places[i] = before += p.int(kinds.at);
      at += 4 * (l.cells + (l.cells % 2));
    }
    const last = floats(l.cells);
    for (let i = 0; i < l.cells; i++) last[i] = p.float(kinds.last);
    if (l.many) extremes(p, last, floats(l.cells), floats(l.cells));
    if (l.steps) steps(p, floats(l.cells));
    if (l.xs) floats(l.cells).forEach((_, i, all) => (all[i] = p.float(kinds.x)));
    if (l.times) times(p, floats(l.cells));
    const marks = p.other(16 * (l.marks ?? 0));
    new Uint8Array(out, at, marks.byteLength).set(new Uint8Array(marks.buffer, marks.byteOffset, marks.byteLength));
    at += marks.byteLength;
  }
  return out;
}

function sizeOf(l: Line): number {
  const n = l.cells;
  if (!n) return 0;
  const arrays = 1 + (l.many ? 2 : 0) + (l.steps ? 1 : 0) + (l.xs ? 1 : 0) + (l.times ? 1 : 0);
  return (l.first < 0 ? 4 * (n + (n % 2)) : 0) + 8 * n * arrays + 16 * (l.marks ?? 0);
}

function extremes(p: Unpacker, last: Float64Array, low: Float64Array, high: Float64Array): void {
  for (let i = 0; i < last.length; i++) {
    low[i] = last[i] - p.distance(kinds.low);
    high[i] = last[i] + p.distance(kinds.high);
  }
  const exact = p.other(4).getUint32(0, true);
  for (let k = 0; k < exact; k++) {
    const one = p.other(20);
    const i = one.getUint32(0, true);
    low[i] = one.getFloat64(4, true);
    high[i] = one.getFloat64(12, true);
  }
}

function steps(p: Unpacker, list: Float64Array): void {
  const whole = p.other(1).getUint8(0) === 0;
  for (let i = 0; i < list.length; i++) list[i] = whole ? p.int(kinds.step) : p.other(8).getFloat64(0, true);
}

function times(p: Unpacker, list: Float64Array): void {
  list[0] = p.other(8).getFloat64(0, true);
  const unit = p.other(8).getFloat64(0, true);
  for (let i = 1; i < list.length; i++) list[i] = p.int(kinds.time) * unit;
}
