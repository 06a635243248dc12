// The state of the page in the fragment of its address: "#/charts?where=...", so that a link is a view.

import { useEffect, useState } from "preact/hooks";

export interface Place {
  /** The parts of the path: ["run", "20260730-..."]. */
  path: string[];
  params: URLSearchParams;
}

export function readPlace(hash = location.hash): Place {
  const text = hash.replace(/^#\/?/, "");
  const at = text.indexOf("?");
  const path = at < 0 ? text : text.slice(0, at);
  return {
    path: (path || "runs").split("/").map(decode),
    params: new URLSearchParams(at < 0 ? "" : text.slice(at + 1)),
  };
}

/** Decodes a part of an address. What was typed by hand and cannot be decoded stays as it is. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Makes a link. It keeps the Git revision that is shown, unless the parameters name one. */
export function placeLink(path: string[], params?: URLSearchParams): string {
  const all = new URLSearchParams(params);
  const revision = readPlace().params.get("rev");
  if (revision && !all.has("rev")) all.set("rev", revision);
  if (all.get("rev") === "") all.delete("rev");
  const query = all.toString();
  return "#/" + path.map(encodeURIComponent).join("/") + (query ? "?" + query : "");
}

/** Goes to a place, with an entry in the history. A link is better where a reader may want a new tab. */
export function goTo(path: string[], params?: URLSearchParams): void {
  location.hash = placeLink(path, params);
}

/** The place of the page, which changes with the address. */
export function usePlace(): Place {
  const [place, setPlace] = useState(readPlace());
  useEffect(() => {
    const read = () => setPlace(readPlace());
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return place;
}

/** Changes parameters of the place without a new entry in the history. An empty value removes one. */
export function replaceParams(changes: Record<string, string>): void {
  const place = readPlace();
  for (const [key, value] of Object.entries(changes)) {
    if (value) place.params.set(key, value);
    else place.params.delete(key);
  }
  const link = placeLink(place.path, place.params);
  if (link === location.hash) return;
  history.replaceState(history.state, "", link);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
