import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { OneFile } from "../pages/run-source";
import { Button, Command, ErrorBox, Waiting } from "../parts";
import type { Source } from "../source";
import type { Patch, Side } from "./api";
import { readPatch } from "./patch";
import { writeSides } from "./sides";

/** How the sources of two sides differ, once a reader asks for it. */
export function PatchView(props: { source: Source; sides: readonly Side[] }) {
  const [open, setOpen] = useState(false);
  return open ? <Loaded {...props} /> : <Button onClick={() => setOpen(true)}>Show the patch</Button>;
}

function Loaded({ source, sides }: { source: Source; sides: readonly Side[] }) {
  const key = writeSides(sides.map((s) => s.selector));
  const { value, error } = useLoading(
    () =>
      source.live
        ? source.json<Patch>("source.json", { runs: key })
        : source.json<Patch>(`compare/${sides.map((s) => s.id).join("..")}.source.json`),
    [source, key],
  );
  if (error) return <ErrorBox error={error} hint={source.live ? undefined : "Run 'runs diff A B --code' to see the patch."} />;
  if (!value) return <Waiting>Rebuilding both sources…</Waiting>;
  const files = readPatch(value.text);
  let lines = 0;
  return (
    <Fragment>
      {value.command && <Command command={value.command} />}
      {files.map((f, i) => (
        <OneFile key={i} file={f} open={(lines += f.lines.length) <= 400} />
      ))}
      {value.cut && <p class="note">Only the start of the patch is shown.</p>}
    </Fragment>
  );
}
