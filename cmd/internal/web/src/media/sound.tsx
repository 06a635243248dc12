import { h } from "preact";
import { useState } from "preact/hooks";
import { type Artifact, visible } from "../pages/run-data";
import { Button, formatBytes } from "../parts";
import { useBlob } from "./bytes";
import type { MediaProps } from "./media";

const loadedAtOnce = 512 << 10;

/** A sound or a video, with the controls of the browser. A large one is loaded when a reader asks for it. */
export function Sound({ artifact: a, run, source }: MediaProps & { artifact: Artifact }) {
  const [wanted, setWanted] = useState(a.bytes <= loadedAtOnce);
  const path = wanted && a.place === "here" ? `artifact/${run.id}/${a.sha256}.bin` : undefined;
  const { url, error } = useBlob(source, path, /^(audio|video)\//);
  const name = visible(a.caption || a.path.split("/").pop()!);
  return (
    <figure class="media-sound card">
      {url ? (
        a.kind === "video" ? (
          <video src={url} controls loop aria-label={name} />
        ) : (
          <audio src={url} controls aria-label={name} />
        )
      ) : error || a.place !== "here" ? (
        <p class="muted">{error?.message ?? "not on this machine"}</p>
      ) : (
        <Button onClick={() => setWanted(true)}>Load {formatBytes(a.bytes)}</Button>
      )}
      <figcaption>{name}</figcaption>
    </figure>
  );
}
