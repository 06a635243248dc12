import { Fragment, h } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { plainLine } from "../media/ansi";
import { Button, Command, count, ErrorBox, formatBytes, SearchField, Toggle, Waiting } from "../parts";
import type { Source } from "../source";
import { type Run, shortID } from "./run-data";
import { matches } from "./run-parts";

interface Window {
  lines: number;
  bytes: number;
  from: number;
  text: string[];
  live: boolean;
}

interface Match {
  line: number;
  text: string;
}

interface Matches {
  total: number;
  list: Match[];
}

/** Reads windows of a log and searches it: on the server, or in the text of an export. */
interface LogReader {
  lines(line: number, count: number): Promise<Window>;
  find(text: string): Promise<Matches>;
}

const atOnce = 1000; // lines of a window
const kept = 6000; // lines that the page holds
const every = 1500; // ms between two looks at a log that grows

function reader(source: Source, run: Run): LogReader {
  if (source.live) {
    const path = `log/${run.id}.json`;
    return {
      lines: (line, n) => source.json<Window>(path, { line: String(line), count: String(n) }),
      find: (text) => source.json<Matches>(path, { find: text }),
    };
  }
  let all: Promise<string[]> | undefined;
  const load = () =>
    (all ??= source.bytes(`log/${run.id}.txt`).then((b) => new TextDecoder().decode(b).replace(/\n$/, "").split("\n")));
  return {
    async lines(line, n) {
      const text = await load();
      const from = Math.max(0, line < 0 ? line + text.length : line);
      return { lines: text.length, bytes: run.log!.bytes, from, text: text.slice(from, from + n), live: false };
    },
    async find(text) {
      const found = (await load()).map((t, line) => ({ line, text: t })).filter((m) => matches(m.text, text));
      return { total: found.length, list: found.slice(0, 500) };
    },
  };
}

/** The console output of a run: windows of its lines, a search, and while it runs its end. */
export function LogView({ run, source, place }: { run: Run; source: Source; place: Place }) {
  const [log] = useState(() => reader(source, run));
  const [view, setView] = useState<Window>();
  const [error, setError] = useState<Error>();
  const [follow, setFollow] = useState(true);
  const wrap = place.params.get("wrap") !== "no";
  const box = useRef<HTMLDivElement>(null);
  /** What to do with the scroll position once new lines are there. */
  const after = useRef<{ end?: boolean; line?: number; height?: number }>({});
  const line = Number(place.params.get("line") ?? NaN);

  const open = async (from: number, then: { end?: boolean; line?: number }) => {
    try {
      const w = await log.lines(from, atOnce);
      after.current = then;
      setView(w);
      setError(undefined);
    } catch (e) {
      setError(e as Error);
    }
  };
  useEffect(() => {
    if (Number.isInteger(line)) void open(Math.max(0, line - atOnce / 2), { line });
    else void open(-atOnce, { end: true });
  }, [log, line]);

  const earlier = async () => {
    if (!view || view.from === 0) return;
    const n = Math.min(atOnce, view.from);
    const w = await log.lines(view.from - n, n).catch(setError);
    if (!w) return;
    after.current = { height: box.current!.scrollHeight - box.current!.scrollTop };
    setView((v) => v && { ...v, from: w.from, text: [...w.text, ...v.text].slice(0, kept) });
  };
  const later = async () => {
    if (!view) return;
    const w = await log.lines(view.from + view.text.length, atOnce).catch(setError);
    if (!w) return;
    setView((v) => {
      if (!v || w.from !== v.from + v.text.length) return v;
      const text = [...v.text, ...w.text];
      const drop = Math.max(0, text.length - kept);
      return { ...w, from: v.from + drop, text: drop ? text.slice(drop) : text };
    });
  };

  // While the run is in progress and the end is in view, its new lines are added.
  const live = view?.live && source.live;
  useEffect(() => {
    if (!live || !follow) return;
    const timer = setInterval(async () => {
      if (document.hidden || !view) return;
      const last = view.from + view.text.length - 1; // the last line may have grown
      const w = await log.lines(Math.max(0, last), atOnce).catch(() => undefined);
      if (!w || (w.text.length === 1 && w.text[0] === view.text[view.text.length - 1])) return;
      after.current = { end: true };
      setView((v) => v && { ...w, from: v.from, text: [...v.text.slice(0, last - v.from), ...w.text].slice(-kept) });
    }, every);
    return () => clearInterval(timer);
  }, [live, follow, view]);

  useLayoutEffect(() => {
    const b = box.current;
    const then = after.current;
    after.current = {};
    if (!b) return;
    if (then.end) b.scrollTop = b.scrollHeight;
    else if (then.height !== undefined) b.scrollTop = b.scrollHeight - then.height;
    else if (then.line !== undefined) b.querySelector(`[data-line="${then.line}"]`)?.scrollIntoView({ block: "center" });
  }, [view]);

  if (error && !view) {
    return <ErrorBox error={error} hint={source.live ? undefined : `This page was exported without the log. Run 'runs show ${shortID(run.id)} --log'.`} />;
  }
  if (!view) return <Waiting>Reading the log…</Waiting>;
  const end = view.from + view.text.length;
  return (
    <div class="run-log">
      <div class="bar run-sub">
        <Find log={log} place={place} />
        <Toggle label="Wrap" on={wrap} onChange={(on) => replaceParams({ wrap: on ? "" : "no" })} />
        {live && <Toggle label="Follow" on={follow} onChange={setFollow} />}
        <Button onClick={() => open(0, {}).then(() => box.current?.scrollTo(0, 0))}>Start</Button>
        <Button onClick={() => open(-atOnce, { end: true })}>End</Button>
        <span class="muted">
          {count(view.lines, "line")}, {formatBytes(view.bytes)}
          {run.log!.cut > 0 && `; ${formatBytes(run.log!.cut)} were cut from the middle when it was recorded`}
        </span>
      </div>
      {error && <ErrorBox error={error} />}
      <div
        ref={box}
        class={"run-lines card" + (wrap ? " wrap" : "")}
        tabIndex={0}
        role="region"
        aria-label="Lines of the log"
        onScroll={(e) => {
          const b = e.currentTarget;
          if (live) setFollow(b.scrollHeight - b.scrollTop - b.clientHeight < 40);
        }}
      >
        {view.from > 0 && (
          <button type="button" class="link" onClick={earlier}>
            Show {Math.min(atOnce, view.from).toLocaleString("en-US")} earlier lines
          </button>
        )}
        {view.text.map((text, i) => (
          <Line key={view.from + i} n={view.from + i} text={text} marked={view.from + i === line} />
        ))}
        {end < view.lines && (
          <button type="button" class="link" onClick={later}>
            Show {Math.min(atOnce, view.lines - end).toLocaleString("en-US")} later lines
          </button>
        )}
      </div>
      <Command command={`runs show ${shortID(run.id)} --log`} />
    </div>
  );
}

function Line({ n, text, marked }: { n: number; text: string; marked: boolean }) {
  return (
    <div data-line={n} class={marked ? "marked" : undefined}>
      <span class="run-number" data-n={n + 1} />
      <code>{plainLine(text)}</code>
    </div>
  );
}

/** The search in a log. A match leads to its line, which is in the address then. */
function Find({ log, place }: { log: LogReader; place: Place }) {
  const text = place.params.get("log") ?? "";
  const [found, setFound] = useState<Matches>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    setFound(undefined);
    setError(undefined);
    if (!text) return;
    let current = true;
    log.find(text).then(
      (m) => current && setFound(m),
      (e: Error) => current && setError(e),
    );
    return () => {
      current = false;
    };
  }, [log, text]);
  return (
    <Fragment>
      <SearchField label="Search the log" value={text} delay={250} onInput={(log) => replaceParams({ log, line: "" })} />
      {error && <ErrorBox error={error} />}
      {found && (
        <div class="run-found run-box card" role="region" aria-label="Matches" tabIndex={0}>
          <p class="muted" role="status">
            {count(found.total, "matching line")}
            {found.list.length < found.total && `, the first ${found.list.length} are listed`}
          </p>
          {found.list.map((m) => (
            <button key={m.line} type="button" class="quiet" onClick={() => replaceParams({ line: String(m.line) })}>
              <span class="run-number" data-n={m.line + 1} />
              <code>{highlighted(plainLine(m.text), text)}</code>
            </button>
          ))}
        </div>
      )}
    </Fragment>
  );
}

/** A text with what was searched for marked. */
function highlighted(line: string, find: string) {
  const at = line.toLowerCase().indexOf(find.toLowerCase());
  if (at < 0) return line;
  return (
    <Fragment>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + find.length)}</mark>
      {line.slice(at + find.length)}
    </Fragment>
  );
}
