import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { Bytes, Command, count, Dialog, ErrorBox, formatBytes, IconButton, SearchField, visible } from "../parts";
import { type Artifact, type Artifacts, shortID } from "./run-data";
import type { PartProps } from "./run-origin";
import { Loaded, matches, useFirst } from "./run-parts";
import { indent } from "./run-tables";

const places: Record<Artifact["place"], string> = {
  here: "on this machine",
  lfs: "in Git LFS",
  store: "in the artifact store",
  away: "on another machine",
  missing: "missing",
};

const shownFiles = 300;
const largeFolder = 30; // files
const noneClosed: ReadonlySet<string> = new Set();

/** The artifacts of a run by folder, with their sizes and places. */
export function ArtifactList({ run, source }: PartProps) {
  const [more, setMore] = useState<Artifact[]>([]);
  // While the run is in progress, its own list grows.
  const list = [...new Map([...run.artifacts!.list, ...more].map((a) => [a.path, a])).values()];
  const [find, setFind] = useState("");
  const [closed, setClosed] = useState<ReadonlySet<string>>(
    () => new Set([...folderCounts(list)].filter(([, n]) => n > largeFolder).map(([f]) => f)),
  );
  const [text, setText] = useState<Artifact>();
  const [error, setError] = useState<Error>();
  const { total, bytes } = run.artifacts!;
  const found = list.filter((a) => matches(a.path, find)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const folded = find ? noneClosed : closed;
  const [shown, others] = useFirst(
    found.filter((a) => !foldersOf(a.path).some((f) => folded.has(f))),
    shownFiles,
  );
  const toggle = (folder: string) => {
    const next = new Set(closed);
    if (!next.delete(folder)) next.add(folder);
    setClosed(next);
  };
  const counts = folderCounts(found);
  const done = new Set<string>();
  const open = new Set(shown);
  return (
    <Fragment>
      <div class="bar run-sub">
        <SearchField label="Find an artifact" value={find} onInput={setFind} />
        <span class="muted">
          {count(total, "file")}, {formatBytes(bytes)}
        </span>
        {list.some((a) => a.place !== "here") && <Command command={`runs artifacts ${shortID(run.id)} -o DIR`} />}
      </div>
      {error && <ErrorBox error={error} />}
      <div class="scroll card">
        <table class="run-wide">
          <tbody>
            {found.map((a) => {
              const folders = foldersOf(a.path);
              const name = visible(a.path.split("/").pop()!);
              const rows = folders.map((folder, level) => {
                if (done.has(folder) || folders.slice(0, level).some((f) => folded.has(f))) return null;
                done.add(folder);
                return (
                  <tr key={folder}>
                    <th scope="rowgroup" colSpan={5} style={indent(level)}>
                      <button type="button" class="link" aria-expanded={!folded.has(folder)} onClick={() => toggle(folder)}>
                        {`${folded.has(folder) ? "▸" : "▾"} ${visible(folder.split("/").at(-2)!)}/`}
                      </button>{" "}
                      <span class="count">{counts.get(folder)}</span>
                    </th>
                  </tr>
                );
              });
              return (
                <Fragment key={a.path}>
                  {rows}
                  {open.has(a) && (
                    <tr>
                      <td class="run-name" style={indent(folders.length)} title={a.caption && visible(a.caption)}>
                        {name}
                      </td>
                      <td class="num">
                        <Bytes value={a.bytes} />
                      </td>
                      <td class="muted">{a.kind}</td>
                      <td class={a.place === "missing" ? "run-missing" : "muted"}>{places[a.place]}</td>
                      <td class="run-digest">
                        {readable(a) && <IconButton icon="eye" label={"Show " + name + " as text"} onClick={() => setText(a)} />}
                        {a.place === "here" && source.download && (
                          <IconButton icon="download" label={"Download " + name} onClick={() => save(source, run.id, a).catch(setError)} />
                        )}
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {(found.length === 0 || shown.length > 0) && others}
      {list.length < total && (
        <p class="muted">
          {`${list.length} of ${total} artifacts are listed. `}
          {source.live && (
            <button
              type="button"
              class="link"
              onClick={() =>
                source
                  .json<Artifacts>(`artifacts/${run.id}.json`, { from: String(list.length) })
                  .then((next) => setMore([...more, ...next.list]), setError)
              }
            >
              List more
            </button>
          )}
        </p>
      )}
      {text && <TextDialog run={run} artifact={text} source={source} onClose={() => setText(undefined)} />}
    </Fragment>
  );
}

/** The folders above a file: "a/", "a/b/". */
function foldersOf(path: string): string[] {
  return [...path.matchAll(/\//g)].map((m) => path.slice(0, m.index + 1));
}

function folderCounts(list: Artifact[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const a of list) for (const f of foldersOf(a.path)) counts.set(f, (counts.get(f) ?? 0) + 1);
  return counts;
}

/** Lets the browser save an artifact as a file. */
export function save(source: PartProps["source"], run: string, a: Artifact): Promise<void> {
  return source.download!(`artifact/${run}/${a.sha256}.bin`, { download: "1" });
}

const maxText = 2 << 20;
const textNames = /\.(txt|log|md|json|jsonl|ya?ml|toml|cfg|csv|tsv|html?|xml|svg|py|ipynb|sh|js|sql|tex|smi|pdb|mol2?|sdf|obj|gltf)$/i;

/** Whether a file is offered as text. What a browser could run, like HTML, is only ever shown so. */
export function readable(a: Artifact): boolean {
  return a.place === "here" && a.bytes <= maxText && textNames.test(a.path);
}

/** An artifact as text. */
export function TextDialog({ run, artifact: a, source, onClose }: PartProps & { artifact: Artifact; onClose(): void }) {
  return (
    <Dialog title={visible(a.path.split("/").pop()!)} wide onClose={onClose}>
      <Loaded
        load={async () => new TextDecoder().decode(await source.bytes(`artifact/${run.id}/${a.sha256}.bin`))}
        keys={[source, a.sha256]}
        hint={source.live ? undefined : "This page was exported without the file."}
      >
        {(text) => (
          <pre class="run-text" tabIndex={0}>
            {visible(text)}
          </pre>
        )}
      </Loaded>
    </Dialog>
  );
}
