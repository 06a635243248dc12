import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { Bytes, Command, count, Dialog, ErrorBox, formatBytes, IconButton, SearchField, Waiting } from "../parts";
import type { Source } from "../source";
import { type Artifact, type Artifacts, type Run, shortID, visible } from "./run-data";
import { matches, More } from "./run-tables";

const places: Record<Artifact["place"], string> = {
  here: "on this machine",
  lfs: "in Git LFS",
  store: "in the artifact store",
  away: "on another machine",
  missing: "missing",
};

const shownFiles = 300;

/** The artifacts of a run by folder, with their sizes and places. */
export function ArtifactList({ run, source }: { run: Run; source: Source }) {
  const [lists, setLists] = useState<Artifacts[]>([run.artifacts!]);
  const [find, setFind] = useState("");
  const [all, setAll] = useState(false);
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => largeFolders(run.artifacts!.list));
  const [text, setText] = useState<Artifact>();
  const [error, setError] = useState<Error>();
  const list = lists.flatMap((l) => l.list);
  const { total, bytes } = run.artifacts!;
  const found = list.filter((a) => matches(a.path, find)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const folded = find ? noneClosed : closed;
  const open = found.filter((a) => !foldersOf(a.path).some((f) => folded.has(f)));
  const shown = all ? open : open.slice(0, shownFiles);
  const away = list.some((a) => a.place !== "here" && a.place !== "missing");
  const more = async () => {
    try {
      const next = await source.json<Artifacts>(`artifacts/${run.id}.json`, { from: String(list.length) });
      setLists([...lists, next]);
    } catch (e) {
      setError(e as Error);
    }
  };
  const save = (a: Artifact) => source.download!(`artifact/${run.id}/${a.sha256}.bin`, { download: "1" }).catch(setError);
  return (
    <Fragment>
      <div class="bar run-bar">
        <SearchField label="Find an artifact" value={find} onInput={setFind} />
        <span class="muted">
          {count(total, "file")}, {formatBytes(bytes)}
        </span>
      </div>
      {error && <ErrorBox error={error} />}
      {away && <Command command={`runs artifacts ${shortID(run.id)} -o DIR`} label="Fetch the artifacts" />}
      <div class="scroll card run-sub">
        <table class="run-files">
          <thead>
            <tr>
              <th>Name</th>
              <th class="num">Size</th>
              <th>Kind</th>
              <th>Place</th>
              <th>
                <span class="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows(found, new Set(shown), folded, {
              save: source.download && save,
              read: setText,
              toggle(folder) {
                const next = new Set(closed);
                if (!next.delete(folder)) next.add(folder);
                setClosed(next);
              },
            })}
          </tbody>
        </table>
      </div>
      <More shown={shown.length} of={found.length === 0 ? 0 : Math.max(shown.length, open.length)} onAll={() => setAll(true)} />
      {list.length < total && (
        <p class="run-more">
          {list.length.toLocaleString("en-US")} of {total.toLocaleString("en-US")} artifacts are listed.{" "}
          {source.live && (
            <button type="button" class="link" onClick={more}>
              List more
            </button>
          )}
        </p>
      )}
      {text && <TextDialog run={run} artifact={text} source={source} onClose={() => setText(undefined)} />}
    </Fragment>
  );
}

const noneClosed: ReadonlySet<string> = new Set();
const largeFolder = 30; // files

/** The folders above a file: "a/", "a/b/". */
function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("/") + "/");
}

/** The folders that are closed at first. */
function largeFolders(list: Artifact[]): Set<string> {
  const counts = new Map<string, number>();
  for (const a of list) for (const f of foldersOf(a.path)) counts.set(f, (counts.get(f) ?? 0) + 1);
  return new Set([...counts].filter(([, n]) => n > largeFolder).map(([f]) => f));
}

interface Actions {
  save?(a: Artifact): void;
  read(a: Artifact): void;
  toggle(folder: string): void;
}

/** A row for each folder and, indented below it, for each file that is shown. */
function rows(list: Artifact[], shown: ReadonlySet<Artifact>, closed: ReadonlySet<string>, actions: Actions) {
  const out = [];
  const counts = new Map<string, number>();
  for (const a of list) for (const f of foldersOf(a.path)) counts.set(f, (counts.get(f) ?? 0) + 1);
  const done = new Set<string>();
  for (const a of list) {
    const parts = a.path.split("/");
    const folders = foldersOf(a.path);
    folders.forEach((folder, level) => {
      if (done.has(folder) || folders.slice(0, level).some((f) => closed.has(f))) return;
      done.add(folder);
      out.push(
        <tr key={folder}>
          <th scope="rowgroup" colSpan={5} class={"run-level" + Math.min(level, 6)}>
            <button type="button" class="quiet run-folder" aria-expanded={!closed.has(folder)} onClick={() => actions.toggle(folder)}>
              {closed.has(folder) ? "▸" : "▾"} {visible(parts[level])}/ <span class="count">{counts.get(folder)}</span>
            </button>
          </th>
        </tr>,
      );
    });
    if (!shown.has(a)) continue;
    const name = visible(parts[parts.length - 1]);
    out.push(
      <tr key={a.path}>
        <td class={"run-name run-level" + Math.min(parts.length - 1, 6)} title={a.caption && visible(a.caption)}>
          {name}
        </td>
        <td class="num">
          <Bytes value={a.bytes} />
        </td>
        <td class="muted">{a.kind}</td>
        <td class={a.place === "missing" ? "run-missing" : "muted"}>{places[a.place]}</td>
        <td class="run-nowrap">
          {a.place === "here" && readable(a) && <IconButton icon="eye" label={"Show " + name + " as text"} onClick={() => actions.read(a)} />}
          {a.place === "here" && actions.save && (
            <IconButton icon="download" label={"Download " + name} onClick={() => actions.save!(a)} />
          )}
        </td>
      </tr>,
    );
  }
  return out;
}

const maxText = 2 << 20;
const textNames = /\.(txt|log|md|rst|json|jsonl|ya?ml|toml|ini|cfg|csv|tsv|html?|xml|svg|py|ipynb|sh|r|jl|js|ts|css|sql|tex|smi|pdb|mol2?|sdf|obj|gltf)$/i;

/** Whether a file is offered as text. What a browser could run, like HTML, is only ever shown so. */
export function readable(a: Artifact): boolean {
  return a.bytes <= maxText && textNames.test(a.path);
}

/** An artifact as text. */
export function TextDialog(props: { run: Run; artifact: Artifact; source: Source; onClose(): void }) {
  const { run, artifact: a, source } = props;
  const { value, error } = useLoading(
    async () => new TextDecoder().decode(await source.bytes(`artifact/${run.id}/${a.sha256}.bin`)),
    [source, a.sha256],
  );
  return (
    <Dialog title={visible(a.path.split("/").pop()!)} wide onClose={props.onClose}>
      {error ? (
        <ErrorBox error={error} hint={source.live ? undefined : "This page was exported without the file."} />
      ) : value === undefined ? (
        <Waiting />
      ) : (
        <pre class="run-text" tabIndex={0}>
          {visible(value)}
        </pre>
      )}
    </Dialog>
  );
}
