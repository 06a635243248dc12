import { h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Project } from "../api";
import { goTo } from "../location";
import { Dialog, visible, Waiting } from "../parts";
import type { Source } from "../source";
import { loadNames } from "../table/load";
import { menuOf } from "./head";

interface Target {
  text: string;
  kind: string;
  path: string[];
  params?: URLSearchParams;
}

const shown = 50;

/** A dialog that goes to a page, a run or a metric by a part of its name, or to a Git revision. */
export function Jump({ source, project, onClose }: { source: Source; project?: Project; onClose(): void }) {
  const [runs, setRuns] = useState<Target[]>();
  const [metrics, setMetrics] = useState<Target[]>([]);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    loadNames(source).then(
      (table) => setRuns(table.ids.map((id, i) => ({ text: visible(table.names[i]) || id, kind: id, path: ["run", id] }))),
      () => setRuns([]),
    );
    source.json<{ metrics: { key: string }[] }>("metrics.json").then(
      (list) => setMetrics(list.metrics.map(({ key }) => metricTarget(key))),
      () => {}, // the pages and the runs can still be reached
    );
  }, [source]);
  const found = useMemo(() => {
    const all = find([...pagesOf(project), ...(runs ?? []), ...metrics], typed);
    const revision = typed.trim();
    return source.live && revision ? [...all, revisionTarget(revision)] : all;
  }, [runs, metrics, typed]);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at]);
  const go = (target: Target | undefined) => {
    if (!target) return;
    onClose();
    goTo(target.path, target.params);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[e.key];
    if (step) setAt(Math.max(0, Math.min(found.length - 1, at + step)));
    else if (e.key === "Enter") go(found[at]);
    else return;
    e.preventDefault();
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <div class="jump">
        <input
          type="search"
          role="combobox"
          list={undefined}
          aria-label="Page, run, metric or Git revision"
          aria-expanded="true"
          aria-controls="jump-list"
          aria-activedescendant={found.length ? "jump-" + at : undefined}
          aria-autocomplete="list"
          placeholder="Page, run, metric or Git revision"
          autocomplete="off"
          spellcheck={false}
          autofocus
          value={typed}
          onInput={(e) => {
            setTyped(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        <ul id="jump-list" ref={list} role="listbox" aria-label="Results">
          {found.map((t, i) => (
            <li key={t.kind + " " + t.text} id={"jump-" + i} role="option" aria-selected={i === at} onClick={() => go(t)}>
              <span class="ellipsis">{t.text}</span>
              <small class="mono">{t.kind}</small>
            </li>
          ))}
          {runs && found.length === 0 && <p class="muted">Nothing matches “{typed}”.</p>}
          {!runs && <Waiting>Reading the runs…</Waiting>}
        </ul>
      </div>
    </Dialog>
  );
}

const pagesOf = (project?: Project): Target[] => menuOf(project).map(([path, title]) => ({ text: title, kind: "page", path: [path] }));

const metricTarget = (key: string): Target => ({
  text: key,
  kind: "metric",
  path: ["charts"],
  params: new URLSearchParams({ q: key }),
});

const revisionTarget = (rev: string): Target => ({
  text: rev,
  kind: "runs of this Git revision",
  path: ["runs"],
  params: new URLSearchParams({ rev }),
});

/** Those that have every word, first those that begin with what was typed. */
function find(targets: Target[], typed: string): Target[] {
  const text = typed.trim().toLowerCase();
  const words = text.split(/\s+/);
  const begin: Target[] = [];
  const rest: Target[] = [];
  for (const t of targets) {
    const name = t.text.toLowerCase();
    if (!words.every((w) => name.includes(w) || t.kind.includes(w))) continue;
    (name.startsWith(text) || t.kind.startsWith(text) ? begin : rest).push(t);
    if (begin.length === shown) break;
  }
  return begin.concat(rest).slice(0, shown);
}
