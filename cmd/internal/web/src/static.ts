// The data of an export: compressed blocks in the page, or in files beside it, and an index of what is in them.

import { isPacked, unpackCurves } from "./curves-packed";
import { type Source, SourceError } from "./source";

interface Root {
  shards: { first: string; block: number }[];
}

interface Shard {
  paths: string[];
  places: [block: number, from: number, length: number][];
}

const letters = new Int8Array(128).fill(-1);
for (let c = 33, n = 0; c < 127; c++) if (c !== 38 && c !== 60 && c !== 62) letters[c] = n++;

/** Returns the bytes that packText wrote as text: two letters hold 13 bits, the lowest first. */
export function unpackText(text: string, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let bits = 0;
  let count = 0;
  let at = 0;
  let low = -1;
  for (let i = 0; i < text.length; i++) {
    const v = letters[text.charCodeAt(i) & 127];
    if (v < 0) continue; // the end of a line
    if (low < 0) {
      low = v;
      continue;
    }
    bits |= (low + 91 * v) << count;
    low = -1;
    for (count += 13; count >= 8; count -= 8) {
      if (at < length) bytes[at++] = bits;
      bits >>>= 8;
    }
  }
  if (at < length) throw broken();
  return bytes;
}

function broken(): SourceError {
  return new SourceError("The data of this page are not complete, or damaged.", 0, "Get the export again.");
}

/** Decompresses gzip. Bytes that a host decompressed already stay as they are. */
export async function decompress(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw broken();
  }
}

function parse<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    throw broken(); // a host may answer with a page of its own
  }
}

/** Reads a block by its name, compressed. */
type ReadBlock = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The data of an export. A block is read when the first answer in it is asked for. */
export class StaticSource implements Source {
  readonly live = false;
  private readonly blocks = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(private readonly read: ReadBlock) {}

  async json<T>(path: string, params?: Record<string, string>): Promise<T> {
    return parse<T>(await this.answer(path, params));
  }

  async bytes(path: string, params?: Record<string, string>): Promise<ArrayBuffer> {
    const bytes = await this.answer(path, params);
    return isPacked(bytes) ? unpackCurves(bytes) : bytes.slice().buffer;
  }

  private block(name: string): Promise<Uint8Array<ArrayBuffer>> {
    let block = this.blocks.get(name);
    if (!block) {
      block = this.read(name).then(decompress);
      this.blocks.set(name, block);
      block.catch(() => this.blocks.delete(name));
    }
    return block;
  }

  private async parsed<T>(name: string): Promise<T> {
    return parse<T>(await this.block(name));
  }

  private async answer(path: string, params: Record<string, string> = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (Object.keys(params).length) throw new SourceError("Only 'runs ui' can answer this: the page is an export.", 404);
    const { shards } = await this.parsed<Root>("index");
    const shard = shards.findLast((s) => s.first <= path);
    if (shard) {
      const { paths, places } = await this.parsed<Shard>(String(shard.block));
      const i = paths.indexOf(path);
      if (i >= 0) {
        const [block, from, length] = places[i];
        return (await this.block(String(block))).subarray(from, from + length);
      }
    }
    throw new SourceError("This is not in the export. 'runs ui' shows it.", 404);
  }
}

/** Waits until the browser has read the page to its end. */
function wholePage(): Promise<void> {
  if (document.readyState !== "loading") return Promise.resolve();
  return new Promise((done) => addEventListener("DOMContentLoaded", () => done(), { once: true }));
}

async function readFromPage(name: string): Promise<Uint8Array<ArrayBuffer>> {
  let element = document.getElementById("runs-" + name);
  if (!element) {
    await wholePage();
    element = document.getElementById("runs-" + name);
  }
  if (!element) throw broken();
  return unpackText(element.textContent, Number(element.dataset.bytes));
}

function readFromFolder(dir: string): ReadBlock {
  return async (name) => {
    if (location.protocol === "file:") {
      throw new SourceError(
        "This page was opened as a file, so the browser does not let it read the files beside it.",
        0,
        "Serve the folder, for example with 'python3 -m http.server', or write one file: 'runs export html -o runs.html'.",
      );
    }
    const answer = await fetch(dir + "/" + name + ".bin");
    if (answer.status === 404) throw new SourceError("This export was replaced by another.", 404, "Reload the page.");
    if (!answer.ok) throw new SourceError("The host does not answer: " + answer.status + " " + answer.statusText, answer.status);
    return new Uint8Array(await answer.arrayBuffer());
  };
}

/** Returns the data of the export that this page is, or undefined if the page is served by 'runs ui'. */
export function exportSource(): Source | undefined {
  const app = document.getElementById("app");
  const dir = app?.dataset.runs;
  if (!dir && !document.getElementById("runs-index")) return undefined;
  const start = app?.dataset.start;
  if (start && location.hash.length < 2) history.replaceState(null, "", start);
  return new StaticSource(dir ? readFromFolder(dir) : readFromPage);
}
