import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { type Artifact, type Run, visible } from "../pages/run-data";
import { readable, TextDialog } from "../pages/run-artifacts";
import { Button, formatBytes, SearchField, Select } from "../parts";
import type { Source } from "../source";
import type { MediaKey } from "./group";
import { ImageGrid } from "./images";
import "./media.css";
import { Sound } from "./sound";
import { indexOfStep, StepSlider } from "./step_slider";
import { TableView } from "./table";

export interface MediaProps {
  run: Run;
  source: Source;
}

const manyKeys = 6;
const shownKeys = 30;

/** What was logged as files under a key: a part for each key, with a slider over its steps. */
export function MediaSection({ run, source, media, place }: MediaProps & { media: MediaKey[]; place: Place }) {
  const find = place.params.get("media") ?? "";
  const kind = place.params.get("kind") ?? "";
  const [all, setAll] = useState(false);
  const kinds = [...new Set(media.map((m) => m.kind))].sort();
  const list = media.filter((m) => (!kind || m.kind === kind) && m.key.toLowerCase().includes(find.toLowerCase()));
  const shown = all ? list : list.slice(0, shownKeys);
  return (
    <Fragment>
      {media.length >= manyKeys && (
        <div class="bar run-bar">
          <SearchField label="Find a key" value={find} onInput={(text) => replaceParams({ media: text })} />
          <Select
            label="Kind"
            value={kind}
            options={[["", "all"], ...kinds.map((k) => [k, k] as const)]}
            onChange={(k) => replaceParams({ kind: k })}
          />
        </div>
      )}
      {shown.map((m) => (
        <OneKey key={m.kind + m.key} of={m} run={run} source={source} place={place} />
      ))}
      {shown.length < list.length && (
        <p class="run-more">
          <Button onClick={() => setAll(true)}>Show {list.length - shown.length} more keys</Button>
        </p>
      )}
      {run.artifacts!.list.length < run.artifacts!.total && (
        <p class="muted">Only the first {run.artifacts!.list.length.toLocaleString("en-US")} artifacts are shown here.</p>
      )}
    </Fragment>
  );
}

function OneKey({ of, run, source, place }: MediaProps & { of: MediaKey; place: Place }) {
  const param = "step:" + of.key;
  const at = indexOfStep(of.steps, place.params.get(param));
  const items = of.at.get(of.steps[at])!;
  return (
    <figure class="media-key">
      <figcaption class="bar">
        <h3 class="run-name">{visible(of.key)}</h3>
        <span class="muted">{of.kind}</span>
        <StepSlider
          label={of.key}
          steps={of.steps}
          at={at}
          onChange={(i) => replaceParams({ [param]: i === of.steps.length - 1 ? "" : String(of.steps[i]) })}
        />
      </figcaption>
      {of.kind === "image" ? (
        <ImageGrid of={of} at={at} run={run} source={source} param={param} />
      ) : of.kind === "audio" || of.kind === "video" ? (
        <div class="media-row">
          {items.map((m, i) => (
            <Sound key={i} artifact={m.artifact} run={run} source={source} />
          ))}
        </div>
      ) : of.kind === "table" ? (
        items.map((m) => <TableView key={of.key} artifact={m.artifact} run={run} source={source} />)
      ) : (
        <div class="media-row">
          {items.map((m) => (
            <File key={m.artifact.path} artifact={m.artifact} run={run} source={source} />
          ))}
        </div>
      )}
    </figure>
  );
}

/** A file that is never run or drawn here: a page, a plot, a molecule. It is saved, or shown as text. */
function File({ artifact: a, run, source }: MediaProps & { artifact: Artifact }) {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<Error>();
  const name = a.path.split("/").pop()!;
  return (
    <div class="media-file card">
      <span class="run-name">{visible(a.caption || name)}</span>
      <span class="muted">{formatBytes(a.bytes)}</span>
      {a.place === "here" && source.download && (
        <Button
          icon="download"
          onClick={() => source.download!(`artifact/${run.id}/${a.sha256}.bin`, { download: "1" }).catch(setError)}
        >
          Download
        </Button>
      )}
      {a.place === "here" && readable(a) && <Button onClick={() => setOpen(true)}>Show as text</Button>}
      {a.place !== "here" && <span class="muted">not on this machine</span>}
      {error && <span role="alert">{error.message}</span>}
      {open && <TextDialog run={run} artifact={a} source={source} onClose={() => setOpen(false)} />}
    </div>
  );
}
