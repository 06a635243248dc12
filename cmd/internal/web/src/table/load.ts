// Loads the table of a source, and again what changed of it.

import { useEffect, useRef, useState } from "preact/hooks";
import { ofRuns, useVersion } from "../live";
import type { Source } from "../source";
import { type MorePage, type Page, RunTable, type TableHead } from "./columns";

/** How many pages are asked for at once. */
const atOnce = 4;
const screen = 60; // rows

/** The table of a source. Pages that have not changed are kept. */
class Loader {
  private pages = new Map<string, Page>();
  private rest = new Map<string, MorePage>();

  constructor(private readonly source: Source) {}

  async head(): Promise<TableHead> {
    return this.source.json<TableHead>("runs.json");
  }

  /**
   * Loads the pages of a table, and the rest of them if more is true. It calls early with the newest runs as soon as it
   * has a screen of them.
   */
  async table(head: TableHead, more: boolean, early?: (t: RunTable) => void): Promise<RunTable> {
    const pages = await this.all(head, "runs", this.pages, (some) => {
      const rows = some.reduce((n, p) => n + p.ids.length, 0);
      if (rows < screen || rows >= head.rows - head.leftOut) return false;
      early?.(new RunTable(head, some, undefined, true));
      return true;
    });
    const rest = more ? await this.all(head, "more", this.rest) : undefined;
    return new RunTable(head, pages, rest);
  }

  private async all<T>(head: TableHead, kind: string, known: Map<string, T>, done = (_: T[]) => true): Promise<T[]> {
    const list: T[] = new Array(head.pages.length);
    let next = head.pages.length;
    let told = false;
    const load = async () => {
      while (next > 0) {
        const n = --next; // the newest first
        const { digest } = head.pages[n];
        const page = known.get(digest) ?? (await this.source.json<T>(kind + "/" + n + ".json"));
        known.set(digest, page);
        list[n] = page;
        told ||= list.at(-1) !== undefined && done(list.slice(list.findLastIndex((p) => p === undefined) + 1));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, load));
    const current = new Set(head.pages.map((p) => p.digest));
    for (const digest of known.keys()) if (!current.has(digest)) known.delete(digest);
    return list;
  }
}

const loaders = new WeakMap<Source, Loader>();

function loaderOf(source: Source): Loader {
  let loader = loaders.get(source);
  if (!loader) loaders.set(source, (loader = new Loader(source)));
  return loader;
}

/** The whole table of a source. */
export async function loadTable(source: Source): Promise<RunTable> {
  const loader = loaderOf(source);
  return loader.table(await loader.head(), true);
}

/** The runs of a source, newest first. */
export async function loadNames(source: Source): Promise<{ ids: string[]; names: string[] }> {
  const loader = loaderOf(source);
  const table = await loader.table(await loader.head(), false);
  const names = table.section("attributes", "name");
  const rows = [...table.newest];
  return { ids: rows.map((row) => table.ids[row]), names: rows.map((row) => names?.text(row) ?? "") };
}

export interface Loaded {
  table?: RunTable;
  head?: TableHead;
  error?: Error;
  /** Loads the rest of the pages too. */
  wantMore(): void;
}

/** The table of a source, loaded again when runs change. */
export function useTable(source: Source): Loaded {
  const [state, setState] = useState<{ table?: RunTable; head?: TableHead; error?: Error; of?: Source }>({});
  const [more, setMore] = useState(false);
  const version = useVersion(source, ofRuns);
  const failed = useRef(0);
  useEffect(() => {
    let current = true;
    const loader = loaderOf(source);
    const load = async () => {
      const head = await loader.head();
      if (current) setState((s) => (s.of === source ? { ...s, head } : { head, of: source }));
      const early = (table: RunTable) => current && setState((s) => (s.table && s.of === source ? s : { table, head, of: source }));
      const table = await loader.table(head, more, early);
      if (current) setState({ table, head, of: source });
      failed.current = 0;
    };
    load().catch((error: Error) => {
      if (!current) return;
      // A page that is gone was replaced between two answers.
      if (failed.current++ < 2) setTimeout(() => current && load().catch(() => undefined), 300);
      setState((s) => ({ ...s, error, of: source }));
    });
    return () => {
      current = false;
    };
  }, [source, version, more]);
  const own = state.of === source ? state : {};
  return { table: own.table, head: own.head, error: own.error, wantMore: () => setMore(true) };
}
