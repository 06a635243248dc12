// What changes while the page is open. A page reloads data, and keeps its zoom, selection and scroll.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Project } from "./api";
import type { Loading } from "./loading";
import { type Source, SourceError } from "./source";

/** What changed since the answer before. After a reset, everything may have. */
export interface Changes {
  cursor: string;
  reset?: boolean;
  added?: string[];
  changed?: string[];
  removed?: string[];
  /** The ids of active runs that have new points. */
  points?: string[];
  project?: boolean;
}

/** Whether any record may differ: a list of runs must be loaded again. */
export const ofRuns = (c: Changes): boolean => Boolean(c.reset || c.added || c.changed || c.removed);

type Listener = (changes: Changes) => void;

const firstWait = 1000; // ms between tries while the server does not answer
const longestWait = 10000;

/** Asks the server of a source for changes, as long as the tab is visible and somebody listens. */
class Live {
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<(lost?: SourceError) => void>();
  private cursor?: string;
  private asking?: AbortController;
  private lost?: SourceError;

  constructor(private readonly source: Source) {
    document.addEventListener("visibilitychange", () => this.check());
  }

  begin(cursor: string): void {
    this.cursor ??= cursor;
    this.check();
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    this.check();
    return () => {
      this.listeners.delete(listener);
      this.check();
    };
  }

  watch(watcher: (lost?: SourceError) => void): () => void {
    this.watchers.add(watcher);
    watcher(this.lost);
    return () => void this.watchers.delete(watcher);
  }

  private check(): void {
    const wanted = this.cursor !== undefined && this.listeners.size > 0 && !document.hidden;
    if (!wanted) {
      this.asking?.abort();
      this.asking = undefined;
    } else if (!this.asking) {
      this.asking = new AbortController();
      void this.ask(this.asking.signal);
    }
  }

  private async ask(signal: AbortSignal): Promise<void> {
    let wait = firstWait;
    while (!signal.aborted) {
      try {
        const changes = await this.source.json<Changes>("changes.json", { cursor: this.cursor ?? "" }, signal);
        if (signal.aborted) return;
        wait = firstWait;
        this.tell(undefined);
        const news = changes.cursor !== this.cursor;
        this.cursor = changes.cursor;
        if (news) for (const listener of [...this.listeners]) listener(changes);
      } catch (error) {
        if (signal.aborted) return;
        this.tell(error instanceof SourceError ? error : new SourceError(String(error), 0));
        await new Promise((done) => setTimeout(done, wait));
        wait = Math.min(wait * 2, longestWait);
      }
    }
  }

  private tell(lost?: SourceError): void {
    if (lost?.message === this.lost?.message) return;
    this.lost = lost;
    for (const watcher of [...this.watchers]) watcher(lost);
  }
}

const lives = new WeakMap<Source, Live>();

function liveOf(source: Source): Live {
  let live = lives.get(source);
  if (!live) lives.set(source, (live = new Live(source)));
  return live;
}

/** Calls a function with each change while the component is on the page. An export never changes. */
export function useChanges(source: Source, listener: Listener): void {
  const last = useRef(listener);
  last.current = listener;
  useEffect(() => {
    if (source.live) return liveOf(source).listen((changes) => last.current(changes));
  }, [source]);
}

/** A number that grows with each change that concerns the component. As a key of useLoading, it loads again. */
export function useVersion(source: Source, concerns: (changes: Changes) => boolean): number {
  const [version, setVersion] = useState(0);
  useChanges(source, (changes) => {
    if (changes.reset || concerns(changes)) setVersion((v) => v + 1);
  });
  return version;
}

/** Why the server cannot be asked for changes at the moment, or undefined. */
export function useLost(source: Source): SourceError | undefined {
  const [lost, setLost] = useState<SourceError>();
  useEffect(() => {
    if (source.live) return liveOf(source).watch(setLost);
    setLost(undefined);
  }, [source]);
  return lost;
}

/** The project, loaded again when it changes. It begins the asking for changes. */
export function useProject(source: Source): Loading<Project> {
  const [state, setState] = useState<Loading<Project> & { of?: Source }>({});
  const version = useVersion(source, (c) => Boolean(c.project || c.added || c.removed));
  const lost = useLost(source);
  const failed = state.error !== undefined && state.of === source;
  useEffect(() => {
    let current = true;
    source.json<Project>("project.json").then(
      (value) => {
        if (!current) return;
        setState({ value, of: source });
        if (source.live) liveOf(source).begin(value.cursor ?? "");
      },
      (error: unknown) => {
        if (current) setState((s) => ({ value: s.of === source ? s.value : undefined, error: error as Error, of: source }));
      },
    );
    return () => {
      current = false;
    };
  }, [source, version, failed && !lost]);
  return state;
}
