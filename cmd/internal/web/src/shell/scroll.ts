// Where the reader was: the scroll of each entry of the history, and the focus after a change of the page.

import { type RefObject } from "preact";
import { useEffect } from "preact/hooks";

const kept = new Map<string, number>();

/** The key of the entry of the history that is shown. A new entry gets one. */
function entryKey(): string {
  const state = history.state as { key?: string } | null;
  if (state?.key) return state.key;
  const key = String(Math.random());
  history.replaceState({ ...state, key }, "");
  return key;
}

function keepScroll(box: HTMLElement, key: string): () => void {
  const save = () => kept.set(key, box.scrollTop);
  const stop = scrollWhenPossible(box, kept.get(key) ?? 0);
  const target = box === document.documentElement ? document : box;
  target.addEventListener("scroll", save, { passive: true });
  return () => {
    stop();
    target.removeEventListener("scroll", save);
  };
}

/** Scrolls a box as soon as it is long enough, unless the reader scrolls first. */
function scrollWhenPossible(box: HTMLElement, top: number): () => void {
  if (top === 0) return () => {};
  const until = Date.now() + 3000;
  let frame = 0;
  const stop = () => {
    cancelAnimationFrame(frame);
    for (const event of ["wheel", "touchstart", "keydown"]) removeEventListener(event, stop);
  };
  const look = () => {
    const possible = box.scrollHeight - box.clientHeight >= top;
    if (possible) box.scrollTop = top;
    if (possible || Date.now() > until) stop();
    else frame = requestAnimationFrame(look);
  };
  for (const event of ["wheel", "touchstart", "keydown"]) addEventListener(event, stop, { passive: true });
  look();
  return stop;
}

/** After a change of the page, starts at its top, or where the reader was; and focuses its heading once it is there. */
export function usePageFocus(page: string, first: RefObject<boolean>): void {
  useEffect(() => {
    history.scrollRestoration = "manual";
    const root = document.documentElement;
    const key = entryKey() + " page";
    if (!kept.has(key)) root.scrollTop = 0;
    const stopKeeping = keepScroll(root, key);
    const stopFocus = first.current ? () => {} : focusHeading();
    first.current = false;
    return () => {
      stopKeeping();
      stopFocus();
    };
  }, [page]);
}

function focusHeading(): () => void {
  const before = document.activeElement;
  const focus = () => {
    const heading = document.querySelector<HTMLElement>("main h1");
    if (!heading) return false;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    return true;
  };
  if (focus()) return () => {};
  const changes = new MutationObserver(() => {
    const moved = document.activeElement !== before && document.activeElement !== document.body;
    if (moved || focus()) changes.disconnect();
  });
  changes.observe(document.querySelector("main")!, { childList: true, subtree: true });
  return () => changes.disconnect();
}
