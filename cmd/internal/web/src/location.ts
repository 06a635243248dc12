// The state of the page in the fragment of its address: "#/charts?where=...", so that a link is a view.

import { useEffect, useState } from "preact/hooks";

export interface Place {
  /** The parts of the path: ["run", "20260730-..."]. */
  path: string[];
  params: URLSearchParams;
}

export function readPlace(hash = location.hash): Place {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2);
  return { path: (path || "runs").split("/").map(decodeURIComponent), params: new URLSearchParams(query ?? "") };
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
  history.replaceState(null, "", placeLink(place.path, place.params));
  dispatchEvent(new HashChangeEvent("hashchange"));
}
