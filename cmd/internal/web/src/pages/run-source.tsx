import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { type Line, readPatch } from "../compare/patch";
import { Button, count, formatBytes, visible } from "../parts";
import { shortID } from "./run-data";
import { Digest, type PartProps } from "./run-origin";
import { Facts, Loaded, useFirst } from "./run-parts";

/** The commit of a run, what was not committed, and that as a patch. */
export function SourceView({ run, source }: PartProps) {
  const s = run.record!.source!;
  const { link, missing, patches } = run.source!;
  const [open, setOpen] = useState(false);
  return (
    <Fragment>
      <Facts
        list={[
          s.commit && ["Commit", <Digest digest={s.commit} />],
          link && [
            "On the forge",
            <a href={link} rel="noreferrer noopener" target="_blank">
              {link.split("/")[2]}
            </a>,
          ],
          ["Branch", s.branch],
          ["Remote", s.remote],
          ["Program", s.entry],
          ["Uncommitted changes", s.dirty ? "yes" : "no"],
          ["Tree", s.tree?.slice(0, 12)],
        ]}
      />
      {s.tree && missing && <p class="run-doubt">The source cannot be restored in full: {missing}.</p>}
      {s.omitted && (
        <details>
          <summary>{count(s.omitted.length, "path")} left out of the source</summary>
          <ul>
            {s.omitted.slice(0, 200).map((o) => (
              <li key={o.path}>
                {visible(`${o.path} `)}
                <span class="muted">{visible(`${o.count ? count(o.count, "file") + ", " : ""}${formatBytes(o.bytes)}: ${o.reason}`)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {patches === 0 ? (
        s.tree && <p class="muted">The source is exactly the commit.</p>
      ) : open ? (
        <Patch run={run} source={source} />
      ) : (
        <p>
          <Button onClick={() => setOpen(true)}>Show the patch</Button>
        </p>
      )}
    </Fragment>
  );
}

const unfolded = 400; // lines of all files that are open at first
const shownLines = 3000; // of one file

function Patch({ run, source }: PartProps) {
  const { base } = run.record!.source!;
  return (
    <Loaded
      load={async () => {
        const text = new TextDecoder().decode(await source.bytes(`patch/${run.id}.txt`));
        const cut = /\n(\[cut after [^\n]*\])\n$/.exec(text);
        return { files: readPatch(cut ? text.slice(0, cut.index + 1) : text), cut: cut?.[1] };
      }}
      keys={[source, run.id]}
      hint={source.live ? undefined : `This page was exported without the source. Run 'runs show ${shortID(run.id)} --source'.`}
    >
      {({ files, cut }) => {
        let lines = 0;
        return (
          <Fragment>
            <p class="muted run-sub">
              {count(files.length, "file")} changed since {base ? "commit " + base.slice(0, 12) : "an empty tree"}
            </p>
            {files.map((f, i) => {
              lines += f.lines.length;
              return <OneFile key={i} file={f} open={lines <= unfolded} />;
            })}
            {cut && <p class="muted">{cut}</p>}
          </Fragment>
        );
      }}
    </Loaded>
  );
}

/** What happened to a file beyond its lines. */
function howOf(lines: Line[]): string {
  for (const { kind, text } of lines) {
    const found = kind === "meta" && /^(new|deleted) file|^rename from .*|^GIT (binary)|^(Binary) files/.exec(text);
    if (found) return found[1] ?? found[2] ?? found[3] ?? found[0];
  }
  return "";
}

const signs: Partial<Record<Line["kind"], string>> = { added: "+", removed: "-", same: " " };

/** A file of a patch, which folds. */
export function OneFile({ file, open }: { file: { path: string; lines: Line[] }; open: boolean }) {
  const [shown, setShown] = useState(open);
  const [lines, more] = useFirst(
    file.lines.filter((l) => l.kind !== "meta" || l.text[0] === "\\"),
    shownLines,
  );
  const many = (kind: string) => file.lines.filter((l) => l.kind === kind).length;
  return (
    <details class="run-file card" open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary class="mono">
        <span class="grow run-name">{visible(file.path) || "Other text"}</span>
        <span class="muted">{visible(howOf(file.lines))}</span>
        <span class="run-best">+{many("added")}</span>
        <span class="run-missing">−{many("removed")}</span>
      </summary>
      {shown && (
        <Fragment>
          <pre tabIndex={0} aria-label={"Changes of " + file.path}>
            {lines.map((l, i) => (
              <span key={i} class={"run-" + l.kind}>
                {(signs[l.kind] ?? "") + visible(l.text) + "\n"}
              </span>
            ))}
          </pre>
          {lines.length > 0 && more}
        </Fragment>
      )}
    </details>
  );
}
