import { h } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import type { RunTable } from "../table/columns";
import type { ExpressionError } from "../table/expression";
import { type Completion, complete } from "../table/complete";
import { Icon } from "../parts";

/** The line with an expression of 'runs ls -w'. It completes keys and values, and marks where an error is. */
export function FilterLine(props: {
  table: RunTable;
  value: string;
  error?: ExpressionError;
  warning?: string;
  onInput(value: string): void;
  /** Called when a reader begins and ends to type. */
  onTyping?(typing: boolean): void;
}) {
  const { table, value, error } = props;
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const [caret, setCaret] = useState(-1);
  const [chosen, setChosen] = useState(-1);
  const options = useMemo(() => (caret < 0 ? undefined : complete(table, value, caret)), [table, value, caret]);
  const open = options !== undefined && options.list.length > 0;

  const look = () => setCaret(input.current!.selectionStart ?? -1);
  const take = (o: Completion) => {
    const { from, to } = options!;
    const text = value.slice(0, from) + o.insert + value.slice(to);
    const at = from + o.insert.length;
    props.onInput(text);
    setChosen(-1);
    requestAnimationFrame(() => {
      input.current!.setSelectionRange(at, at);
      setCaret(at);
    });
  };
  const close = () => {
    setCaret(-1);
    setChosen(-1);
  };
  const press = (e: KeyboardEvent) => {
    const n = options?.list.length ?? 0;
    if (e.key === "Escape") {
      if (open) close();
      else input.current!.blur();
    } else if (open && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      setChosen((i) => (e.key === "ArrowDown" ? (i + 1) % n : (i <= 0 ? n : i) - 1));
    } else if (open && chosen >= 0 && (e.key === "Enter" || e.key === "Tab")) take(options.list[chosen]);
    else if (!open && e.key === "ArrowDown") look();
    else if (e.key === "Enter") {
      close();
      props.onTyping?.(false);
    }
    else return;
    e.preventDefault();
  };
  useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  return (
    <div class="runs-filter">
      <div class="search">
        <Icon name="filter" size={14} />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Filter runs by an expression"
          aria-expanded={open}
          aria-controls={id + "list"}
          aria-autocomplete="list"
          aria-activedescendant={chosen >= 0 ? id + chosen : undefined}
          aria-invalid={error !== undefined}
          aria-describedby={error || props.warning ? id + "error" : undefined}
          placeholder="Filter, for example: metrics.loss < 0.5 and params.lr >= 0.01"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          value={value}
          onInput={(e) => {
            setChosen(-1);
            props.onTyping?.(true);
            props.onInput(e.currentTarget.value);
            look();
          }}
          onKeyDown={press}
          onClick={look}
          onFocus={() => props.onTyping?.(true)}
          onBlur={() => {
            close();
            props.onTyping?.(false);
          }}
        />
        {value && (
          <button type="button" class="icon quiet" aria-label="Clear the filter" title="Clear the filter" onClick={() => props.onInput("")}>
            <Icon name="close" />
          </button>
        )}
        <ul ref={list} id={id + "list"} role="listbox" aria-label="Completions" class="runs-options" hidden={!open}>
          {options?.list.map((o, i) => (
            <li
              key={o.insert}
              id={id + i}
              role="option"
              aria-selected={i === chosen}
              onMouseDown={(e) => {
                e.preventDefault();
                take(o);
              }}
            >
              <code>{o.label}</code>
              <span class="muted">{o.note}</span>
            </li>
          ))}
        </ul>
      </div>
      {(error || props.warning) && (
        <p id={id + "error"} class={error ? "runs-error" : "runs-warning"} role="status">
          {error && error.column > 0 && <Place text={value} column={error.column} length={error.length} />}
          {error ? error.message.replace(/^expression, /, "") : props.warning}
        </p>
      )}
    </div>
  );
}

/** The expression with the part that is wrong. */
function Place({ text, column, length }: { text: string; column: number; length: number }) {
  const chars = [...text];
  const at = column - 1;
  const end = at + Math.max(length, 1);
  return (
    <code>
      {at > 24 ? "…" + chars.slice(at - 24, at).join("") : chars.slice(0, at).join("")}
      <mark>{chars.slice(at, end).join("") || "\u00a0"}</mark>
      {chars.slice(end, end + 24).join("")}
      {chars.length > end + 24 && "…"}
    </code>
  );
}
