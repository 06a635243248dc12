import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { readable, save, TextDialog } from "../pages/run-artifacts";
import { type Artifact } from "../pages/run-data";
import { matches, useFirst } from "../pages/run-parts";
import { Button, formatBytes, SearchField, visible } from "../parts";
import { useBlob } from "./bytes";
import type { MediaKey } from "./group";
import { ImageGrid } from "./images";
import "./media.css";
import { away, type MediaProps } from "./props";
import { stepSlider } from "./step_slider";
import { TableView } from "./table";

const manyKeys = 6;
const shownKeys = 30;

/** What was logged as files under a key: a part for each key, with a slider over its steps. */
export function MediaSection({ run, source, media, place }: MediaProps & { media: MediaKey[]; place: Place }) {
  const find = place.params.get("media") ?? "";
  const [list, more] = useFirst(
    media.filter((m) => matches(m.key + " " + m.kind, find)),
    shownKeys,
  );
  const { total, list: listed } = run.artifacts!;
  return (
    <Fragment>
      {media.length >= manyKeys && (
        <SearchField label="Find a key or kind" value={find} onInput={(text) => replaceParams({ media: text })} />
      )}
      {list.map((m) => (
        <OneKey key={m.kind + m.key} of={m} run={run} source={source} place={place} />
      ))}
      {more}
      {listed.length < total && <p class="muted">Only the first {listed.length} artifacts are shown here.</p>}
    </Fragment>
  );
}

function OneKey({ of, run, source, place }: MediaProps & { of: MediaKey; place: Place }) {
  const [at, slider] = stepSlider(of.key, of.steps, place);
  const items = of.at.get(of.steps[at])!;
  return (
    <figure class="media-key">
      <figcaption class="bar">
        <h3 class="run-name">{visible(of.key)}</h3>
        <span class="muted">{of.kind}</span>
        {slider}
      </figcaption>
      {of.kind === "image" ? (
        <ImageGrid of={of} at={at} slider={slider} run={run} source={source} />
      ) : of.kind === "table" ? (
        items.map((m) => <TableView key={of.key} artifact={m.artifact} run={run} source={source} />)
      ) : (
        <div class="bar">
          {items.map(({ artifact: a }) =>
            of.kind === "audio" || of.kind === "video" ? (
              <Sound key={a.path} artifact={a} run={run} source={source} />
            ) : (
              <File key={a.path} artifact={a} run={run} source={source} />
            ),
          )}
        </div>
      )}
    </figure>
  );
}

const loadedAtOnce = 512 << 10;

/** A sound or a video, with the controls of the browser. A large one is loaded when a reader asks for it. */
function Sound({ artifact: a, run, source }: MediaProps & { artifact: Artifact }) {
  const [wanted, setWanted] = useState(a.bytes <= loadedAtOnce);
  const there = a.place === "here";
  const { url, error } = useBlob(source, wanted && there ? `artifact/${run.id}/${a.sha256}.bin` : undefined, /^(audio|video)\//);
  const name = visible(a.caption || a.path.split("/").pop()!);
  const Player = a.kind as "audio" | "video";
  return (
    <figure class="media-file card">
      {url ? (
        <Player src={url} controls aria-label={name} />
      ) : there && !error ? (
        <Button onClick={() => setWanted(true)}>Load {formatBytes(a.bytes)}</Button>
      ) : (
        <p class="muted">{error?.message ?? away}</p>
      )}
      <figcaption>{name}</figcaption>
    </figure>
  );
}

/** A file that is never run or drawn here: a page, a plot, a molecule. It is saved, or shown as text. */
function File({ artifact: a, run, source }: MediaProps & { artifact: Artifact }) {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<Error>();
  return (
    <div class="media-file card bar">
      <span class="run-name">{visible(a.caption || a.path.split("/").pop()!)}</span>
      <span class="muted">{a.place === "here" ? formatBytes(a.bytes) : away}</span>
      {a.place === "here" && source.download && (
        <Button icon="download" onClick={() => save(source, run.id, a).catch(setError)}>
          Download
        </Button>
      )}
      {readable(a) && <Button onClick={() => setOpen(true)}>Show as text</Button>}
      {error && <span role="alert">{error.message}</span>}
      {open && <TextDialog run={run} artifact={a} source={source} onClose={() => setOpen(false)} />}
    </div>
  );
}
