// The cursor that all charts of a page share.

export interface Cursor {
  /** The axis that x is on: two charts share a cursor if they have the same. */
  axis: string;
  x: number;
  /** The run whose curve is nearest, which the other charts emphasize too. */
  run: string;
  /** The chart under the pointer, or with the focus. */
  owner: object;
}

type Listener = (cursor: Cursor | undefined) => void;

const listeners = new Set<Listener>();
let current: Cursor | undefined;
let waiting = false;

/** Moves the cursor of all charts, at most once a frame. */
export function moveCursor(cursor: Cursor | undefined): void {
  current = cursor;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const listener of [...listeners]) listener(current);
  });
}

/** Takes the cursor away if it belongs to a chart. */
export function leaveCursor(owner: object): void {
  if (current?.owner === owner) moveCursor(undefined);
}

export function onCursor(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
