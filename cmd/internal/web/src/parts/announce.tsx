import { h } from "preact";
import { useEffect, useState } from "preact/hooks";

let say: (text: string) => void = () => {};

/** Tells readers who listen instead of looking what has happened. Sighted readers see it elsewhere. */
export function announce(text: string): void {
  say(text);
}

/** The one live region of the page. */
export function Announcer() {
  const [text, setText] = useState("");
  useEffect(() => {
    say = (next) => setText((last) => (last === next ? next + "\u00a0" : next)); // the same words again count as news
  }, []);
  return (
    <div class="hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}
