import { type ComponentChildren, h, type JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { announce } from "./announce";
import { Icon, type IconName } from "./icons";

type ButtonProps = JSX.IntrinsicElements["button"] & { icon?: IconName; kind?: "primary" | "quiet" | "link" };

/** A button with a text, and an icon before it. */
export function Button({ icon, kind, children, class: more, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={[kind, more].filter(Boolean).join(" ") || undefined}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that shows only an icon. The label is its name and its tooltip. */
export function IconButton({ icon, label, class: more, ...rest }: ButtonProps & { icon: IconName; label: string }) {
  return (
    <button type="button" {...rest} aria-label={label} title={label} class={"icon quiet " + (more ?? "")}>
      <Icon name={icon} />
    </button>
  );
}

/** A button that copies a text and says so. */
export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    const copied = await copyText(typeof text === "string" ? text : text());
    setDone(copied);
    announce(copied ? "Copied" : "The browser did not allow copying. Select the text and copy it.");
    setTimeout(() => setDone(false), 1500);
  };
  return <IconButton icon={done ? "check" : "copy"} label={label} onClick={copy} />;
}

/** Puts a text on the clipboard, and reports whether the browser allowed it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // pages of another host than this machine have no navigator.clipboard
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  const focused = document.activeElement as HTMLElement | null;
  area.value = text;
  area.className = "hidden";
  (focused?.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}

/** The shell command that prints what is shown, with a button that copies it. */
export function Command({ command, label = "The same in a shell" }: { command: string; label?: string }) {
  return (
    <div class="command" role="group" aria-label={label}>
      <code tabIndex={0}>{command}</code>
      <CopyButton text={command} label="Copy the command" />
    </div>
  );
}

/** A switch: on or off, at once. */
export function Toggle(props: { label: ComponentChildren; on: boolean; onChange(on: boolean): void; title?: string }) {
  return (
    <label class="toggle" title={props.title}>
      <input type="checkbox" role="switch" checked={props.on} onChange={(e) => props.onChange(e.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

export type Option = readonly [value: string, text: string];

/** A labeled choice of one from a list that may be long. */
export function Select(props: {
  label: string;
  value: string;
  options: readonly Option[];
  onChange(value: string): void;
  hideLabel?: boolean;
}) {
  return (
    <label>
      <span class={props.hideLabel ? "hidden" : "muted"}>{props.label}</span>
      <select value={props.value} onChange={(e) => props.onChange(e.currentTarget.value)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value} selected={value === props.value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A choice of one from two to five, all of them in sight. */
export function Choice(props: {
  label: string;
  value: string;
  options: readonly Option[];
  onChange(value: string): void;
  hideLabel?: boolean;
}) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class={props.hideLabel ? "hidden" : "muted"}>{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            value={value}
            checked={value === props.value}
            onChange={() => props.onChange(value)}
          />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A field to search or filter. With delay, onInput waits until the reader pauses for so many milliseconds. */
export function SearchField(props: {
  label: string;
  value: string;
  onInput(value: string): void;
  placeholder?: string;
  delay?: number;
  class?: string;
}) {
  const timer = useRef(0);
  const input = (value: string) => {
    clearTimeout(timer.current);
    if (props.delay) timer.current = window.setTimeout(() => props.onInput(value), props.delay);
    else props.onInput(value);
  };
  return (
    <span class={"search " + (props.class ?? "")}>
      <Icon name="search" size={14} />
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        value={props.value}
        spellcheck={false}
        autocomplete="off"
        onInput={(e) => input(e.currentTarget.value)}
      />
    </span>
  );
}
