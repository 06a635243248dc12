import { Fragment, h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "./popups";

/** A key and what it does: "j", "Shift+ArrowDown", "g r" (one after the other). */
export type Keys = Record<string, readonly [text: string, action: (e: KeyboardEvent) => void]>;

interface Group {
  title: string;
  keys: Keys;
}

const groups: { current: Group }[] = [];
const storedOff = "keys-off";

/**
 * Gives a page keys of its own, which the dialog of "?" lists. They are not taken from a field, a menu or a dialog, and
 * a reader can turn off those of one letter.
 */
export function useKeys(title: string, keys: Keys): void {
  const group = useRef<Group>({ title, keys });
  group.current = { title, keys };
  useEffect(() => {
    groups.push(group);
    return () => void groups.splice(groups.indexOf(group), 1);
  }, []);
}

export function lettersOff(): boolean {
  try {
    return localStorage.getItem(storedOff) !== null;
  } catch {
    return false; // a page from a file may have no storage
  }
}

function setLettersOff(off: boolean) {
  try {
    if (off) localStorage.setItem(storedOff, "1");
    else localStorage.removeItem(storedOff);
  } catch {
    // it holds for nothing then, and the switch shows so
  }
}

let before = "";
let beforeAt = 0;

/** Finds the action of a key that was pressed, and does it. */
export function pressKey(e: KeyboardEvent): void {
  const target = e.target as HTMLElement;
  if (e.defaultPrevented || e.isComposing || e.altKey || e.ctrlKey || e.metaKey) return;
  if (target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable], dialog, [popover]")) return;
  const key = (e.shiftKey && e.key.length > 1 ? "Shift+" : "") + e.key;
  const pair = Date.now() - beforeAt < 1200 ? before + " " + key : key;
  before = key;
  beforeAt = Date.now();
  if (e.key.length === 1 && e.key !== "?" && lettersOff()) return;
  for (const wanted of [pair, key]) {
    for (const { current } of [...groups].reverse()) {
      const found = current.keys[wanted];
      if (!found) continue;
      e.preventDefault();
      before = "";
      return found[1](e);
    }
  }
}

const names: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space" };

/** What keys do, and all that do it. */
function byText(keys: Keys): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const [key, [text]] of Object.entries(keys)) found.set(text, [...(found.get(text) ?? []), key]);
  return [...found];
}

/** The dialog that lists the keys of the shell and of the page that is shown. */
export function KeysDialog({ onClose }: { onClose(): void }) {
  const [off, setOff] = useState(lettersOff());
  return (
    <Dialog title="Keys" onClose={onClose}>
      {groups.map(({ current }) => (
        <table key={current.title} class="keys">
          <caption>{current.title}</caption>
          <tbody>
            {byText(current.keys).map(([text, all]) => (
              <tr key={text}>
                <td>
                  {all.map((keys, n) => (
                    <Fragment key={keys}>
                      {n > 0 && " or "}
                      {keys.split(keys === " " ? "" : " ").map((k, i) => (
                        <Fragment key={k}>
                          {i > 0 && " then "}
                          {k.split("+").map((part) => <kbd key={part}>{names[part] ?? part}</kbd>)}
                        </Fragment>
                      ))}
                    </Fragment>
                  ))}
                </td>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={!off}
          onChange={(e) => {
            setLettersOff(!e.currentTarget.checked);
            setOff(lettersOff());
          }}
        />
        Keys of one letter are on
      </label>
    </Dialog>
  );
}
