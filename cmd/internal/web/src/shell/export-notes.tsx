// What an export contains and what was left out of it, over every page of it.

import { h } from "preact";
import { useEffect } from "preact/hooks";
import { useLoading } from "../loading";
import { count, stopClock } from "../parts";
import type { Source } from "../source";

/** The answer export.json. */
interface Notes {
  runs: number;
  running: number;
  /** When the runs in progress were last active, in ms since 1970 UTC; 0 if there are none. */
  as_of: number;
  left: string[];
  more_left: number;
  /** The parts that were not asked for. */
  without: string[];
  /** What was left out, for people. */
  lines: string[];
}

const flags: Record<string, string> = { source: "source patches", log: "logs", machine: "machine samples" };

/** A line that opens to the notes of an export. */
export function ExportNotes({ source }: { source: Source }) {
  const { value: notes } = useLoading(() => source.json<Notes>("export.json"), [source]);
  useEffect(() => {
    if (notes?.as_of) stopClock(notes.as_of);
  }, [notes]);
  if (!notes?.lines.length) return null;
  const without = notes.without.map((part) => flags[part] ?? part);
  return (
    <div class="banner" data-export="">
      <details>
        <summary>
          Exported {count(notes.runs, "run")}
          {notes.as_of > 0 && `, as of ${new Date(notes.as_of).toLocaleString()}`}
          {": " + notes.lines[0] + (notes.lines.length > 1 ? ", and more" : "")}
        </summary>
        <ul>
          {notes.lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
          {without.length > 0 && (
            <li>
              {without.join(", ")} are only exported with <code>--with {notes.without.join(",")}</code>
            </li>
          )}
          <li>
            to zoom further, filter by any expression and see new runs, use <code>runs ui</code> in a clone
          </li>
        </ul>
        <Names title="Data left out to stay within the size" names={notes.left} more={notes.more_left} />
      </details>
    </div>
  );
}

function Names({ title, names, more }: { title: string; names: string[]; more: number }) {
  if (!names.length) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {names.map((name) => (
          <li key={name} class="mono">
            {name}
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
    </div>
  );
}
