// The bytes of artifacts as addresses that an element can show.

import { useEffect, useState } from "preact/hooks";
import type { Source } from "../source";

export interface Shown {
  url?: string;
  error?: Error;
}

/** The media type of a picture or sound by its bytes. Nothing else is shown. */
export function typeOf(b: Uint8Array): string | undefined {
  const text = (from: number, to: number) => String.fromCharCode(...b.subarray(from, to));
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return "image/png";
  if (text(0, 3) === "\xff\xd8\xff") return "image/jpeg";
  if (text(0, 4) === "GIF8") return "image/gif";
  if (text(0, 4) === "RIFF") return { WEBP: "image/webp", WAVE: "audio/wav" }[text(8, 12)];
  if (text(0, 4) === "OggS") return "audio/ogg";
  if (text(0, 4) === "fLaC") return "audio/flac";
  if (text(0, 3) === "ID3" || (b[0] === 0xff && (b[1] & 0xe0) === 0xe0)) return "audio/mpeg";
  if (text(4, 8) === "ftyp") return text(8, 11) === "M4A" ? "audio/mp4" : "video/mp4";
  if (text(0, 4) === "\x1aE\xdf\xa3") return "video/webm";
  return undefined;
}

/** Loads bytes as a blob and gives its address while the element that shows it exists. The one before stays meanwhile. */
export function useBlob(source: Source, path: string | undefined, wanted: RegExp): Shown {
  const [shown, setShown] = useState<Shown>({});
  useEffect(() => {
    if (!path) return;
    let current = true;
    source.bytes(path).then(
      (bytes) => {
        const type = typeOf(new Uint8Array(bytes, 0, Math.min(16, bytes.byteLength)));
        if (!current) return;
        if (!type || !wanted.test(type)) return setShown({ error: new Error("the file has a form that is not shown here") });
        setShown({ url: URL.createObjectURL(new Blob([bytes], { type })) });
      },
      (error: Error) => current && setShown({ error }),
    );
    return () => {
      current = false;
    };
  }, [source, path]);
  useEffect(() => () => void (shown.url && URL.revokeObjectURL(shown.url)), [shown.url]);
  return shown;
}
