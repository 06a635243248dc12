import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { Button, Command, ErrorBox, Waiting } from "../parts";
import type { Source } from "../source";
import type { Patch, Side } from "./api";
import { readPatch } from "./patch";
import { writeSides } from "./sides";

/** How the sources of two sides differ, once a reader asks for it. */
export function PatchView({ source, sides }: { source: Source; sides: readonly Side[] }) {
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <p>
        <Button onClick={() => setOpen(true)}>Show the patch</Button>
      </p>
    );
  }
  return <Loaded source={source} sides={sides} />;
}

const mostLines = 2000;

function Loaded({ source, sides }: { source: Source; sides: readonly Side[] }) {
  const selectors = sides.map((s) => s.selector);
  const key = writeSides(selectors);
  const { value, error } = useLoading(
    () =>
      source.live
        ? source.json<Patch>("source.json", { runs: key })
        : source.json<Patch>(`compare/${sides.map((s) => s.id).join("..")}.source.json`),
    [source, key],
  );
  if (error) return <ErrorBox error={error} hint={source.live ? undefined : "Run 'runs diff A B --code' to see the patch."} />;
  if (!value) return <Waiting>Rebuilding both sources…</Waiting>;
  if (!value.text) return <p class="muted">The source is the same.</p>;
  let left = mostLines;
  const files = readPatch(value.text);
  const lines = files.reduce((n, f) => n + f.lines.length, 0);
  return (
    <Fragment>
      {value.command && <Command command={value.command} />}
      {files.map((f) => {
        const shown = f.lines.slice(0, left);
        left -= shown.length;
        if (shown.length === 0) return null;
        return (
          <figure class="patch" key={f.path}>
            <figcaption>{f.path}</figcaption>
            <pre tabIndex={0}>
              {shown.map((l, i) => (
                <div key={i} class={"patch-" + l.kind}>
                  <span class="patch-at" aria-hidden="true">
                    {l.before ?? ""}
                  </span>
                  <span class="patch-at" aria-hidden="true">
                    {l.after ?? ""}
                  </span>
                  <span class="patch-mark">{l.kind === "added" ? "+" : l.kind === "removed" ? "-" : " "}</span>
                  {l.text}
                </div>
              ))}
            </pre>
          </figure>
        );
      })}
      {(value.cut || lines > mostLines) && (
        <p class="muted small">
          Only the start of the patch is shown. {value.command && <code>{value.command}</code>} prints all of it.
        </p>
      )}
    </Fragment>
  );
}
