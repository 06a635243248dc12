import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { type Line, readPatch } from "../compare/patch";
import { Button, CopyButton, count, ErrorBox, formatBytes, Waiting } from "../parts";
import type { Source } from "../source";
import { type Run, shortID, visible } from "./run-data";

/** The commit of a run, what was not committed, and that as a patch. */
export function SourceView({ run, source }: { run: Run; source: Source }) {
  const s = run.record!.source!;
  const [open, setOpen] = useState(false);
  return (
    <Fragment>
      <dl class="run-facts">
        {s.commit && (
          <div>
            <dt>Commit</dt>
            <dd>
              {run.source!.link ? (
                <a href={run.source!.link} rel="noreferrer noopener" target="_blank">
                  {s.commit.slice(0, 12)}
                </a>
              ) : (
                <code>{s.commit.slice(0, 12)}</code>
              )}
              <CopyButton text={s.commit} label="Copy the commit" />
            </dd>
          </div>
        )}
        {[
          ["Branch", s.branch],
          ["Remote", s.remote],
          ["Program", s.entry],
          ["Uncommitted changes", s.dirty ? "yes" : "no"],
          ["Tree", s.tree?.slice(0, 12)],
        ].map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{visible(value)}</dd>
              </div>
            ),
        )}
      </dl>
      {s.tree && run.source!.missing && <p class="run-doubt">The source cannot be restored in full: {run.source!.missing}.</p>}
      {s.omitted && (
        <details>
          <summary>{count(s.omitted.length, "path")} left out of the source</summary>
          <ul>
            {s.omitted.slice(0, 200).map((o) => (
              <li key={o.path}>
                {visible(o.path)}{" "}
                <span class="muted">
                  {o.count ? count(o.count, "file") + ", " : ""}
                  {formatBytes(o.bytes)}: {visible(o.reason)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {run.source!.patches === 0 && s.tree && <p class="muted">The source is exactly the commit.</p>}
      {run.source!.patches > 0 &&
        (open ? (
          <Patch run={run} source={source} />
        ) : (
          <p>
            <Button onClick={() => setOpen(true)}>Show the patch</Button>
          </p>
        ))}
    </Fragment>
  );
}

const unfolded = 400; // lines of all files that are open at first
const shownLines = 3000; // of one file

function Patch({ run, source }: { run: Run; source: Source }) {
  const { value, error } = useLoading(
    async () => {
      const text = new TextDecoder().decode(await source.bytes(`patch/${run.id}.txt`));
      const cut = /\n(\[cut after [^\n]*\])\n$/.exec(text);
      return { files: readPatch(cut ? text.slice(0, cut.index + 1) : text), cut: cut?.[1] };
    },
    [source, run.id],
  );
  if (error) {
    const hint = source.live ? undefined : `This page was exported without the source. Run 'runs show ${shortID(run.id)} --source'.`;
    return <ErrorBox error={error} hint={hint} />;
  }
  if (!value) return <Waiting>Reading the patch…</Waiting>;
  let lines = 0;
  return (
    <div>
      <p class="muted run-sub">
        {count(value.files.length, "file")} changed since {run.record!.source!.base ? "commit " + run.record!.source!.base.slice(0, 12) : "an empty tree"}
      </p>
      {value.files.map((f, i) => {
        lines += f.lines.length;
        return <OneFile key={i} file={f} open={lines <= unfolded} />;
      })}
      {value.cut && <p class="muted">{value.cut}</p>}
    </div>
  );
}

/** What happened to a file beyond its lines. */
function howOf(lines: Line[]): string {
  for (const { kind, text } of lines) {
    if (kind !== "meta") continue;
    if (text.startsWith("new file")) return "new";
    if (text.startsWith("deleted file")) return "deleted";
    if (text.startsWith("rename from ")) return "renamed from " + text.slice(12);
    if (/^(GIT binary patch|Binary files )/.test(text)) return "binary";
  }
  return "";
}

const signs: Partial<Record<Line["kind"], string>> = { added: "+", removed: "-", same: " " };

function OneFile({ file, open }: { file: { path: string; lines: Line[] }; open: boolean }) {
  const [shown, setShown] = useState(open);
  const [all, setAll] = useState(false);
  const lines = file.lines.filter((l) => l.kind !== "meta" || l.text.startsWith("\\"));
  const some = all ? lines : lines.slice(0, shownLines);
  const many = (kind: string) => file.lines.filter((l) => l.kind === kind).length;
  return (
    <details class="run-file card" open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>
        <span class="grow run-name">{visible(file.path) || "Other text"}</span>
        <span class="muted">{visible(howOf(file.lines))}</span>
        <span class="run-added">+{many("added")}</span>
        <span class="run-removed">−{many("removed")}</span>
      </summary>
      {shown && (
        <pre tabIndex={0} aria-label={"Changes of " + file.path}>
          {some.map((l, i) => (
            <span key={i} class={"run-" + l.kind + "-line"}>
              {(signs[l.kind] ?? "") + visible(l.text) + "\n"}
            </span>
          ))}
          {some.length < lines.length && (
            <button type="button" class="link" onClick={() => setAll(true)}>
              Show all {lines.length.toLocaleString("en-US")} lines
            </button>
          )}
        </pre>
      )}
    </details>
  );
}
