import { h } from "preact";
import { useId, useMemo, useState } from "preact/hooks";
import { useLoading } from "../loading";
import { Button, count, IconButton, Status, Time } from "../parts";
import type { Source } from "../source";
import type { Side } from "./api";
import { SideName } from "./result";
import { type Choice, loadChoices, matching } from "./choices";
import { maxSides, where, withBaseline } from "./sides";

/** The sides of a comparison, each with what it is, and buttons to make it the baseline and to remove it. */
export function SideCards(props: { sides: readonly string[]; known: readonly Side[]; onChange(sides: string[]): void }) {
  const { sides, onChange } = props;
  if (sides.length === 0) return null;
  return (
    <ol class={sides.length > 6 ? "bar side-cards compact" : "bar side-cards"} aria-label="Compared">
      {sides.map((selector, i) => {
        const side = props.known.find((k) => k.selector === selector);
        const title = side?.title ?? (selector.startsWith(where) ? selector.slice(where.length) : selector);
        return (
          <li key={selector} class="card side-card">
            <span class="side-card-title ellipsis" title={title}>
              {side ? <SideName side={side} /> : title}
            </span>
            <span class="side-card-about bar muted small">
              {i === 0 && <b>baseline</b>}
              {side?.group ? (
                <span title={side.runs.map((r) => r.name || r.id).join(", ")}>{count(side.count, "run")}</span>
              ) : (
                side && <Status status={side.status} />
              )}
              {side && <Time ms={side.started} />}
              {side?.lost && <span class="warn">without {side.lost}</span>}
            </span>
            <span class="side-card-actions">
              {i > 0 && (
                <IconButton icon="pin" label={`Make ${title} the baseline`} onClick={() => onChange(withBaseline(sides, i))} />
              )}
              <IconButton icon="close" label={`Remove ${title}`} onClick={() => onChange(sides.filter((_, k) => k !== i))} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** A field that adds a run or a group by its name, with completion. */
export function AddSide(props: { source: Source; sides: readonly string[]; onAdd(selector: string): void }) {
  const id = useId();
  const [text, setText] = useState("");
  const { value: choices } = useLoading(() => loadChoices(props.source), [props.source]);
  const found = useMemo(() => matching(choices ?? [], text, props.sides), [choices, text, props.sides.join("\n")]);
  if (props.sides.length >= maxSides) return <p class="muted small">At most {maxSides} sides are compared at once.</p>;
  const add = (word: string) => {
    const choice = choices?.find((c) => c.text === word);
    const selector = choice?.selector ?? word.trim();
    if (!selector) return;
    props.onAdd(selector);
    setText("");
  };
  return (
    <form
      class="bar side-add"
      onSubmit={(e) => {
        e.preventDefault();
        add(text);
      }}
    >
      <label for={id} class="muted">
        Add a run or group
      </label>
      <input
        id={id}
        list={id + "-list"}
        value={text}
        placeholder="name, id, group=NAME, best=METRIC"
        autocomplete="off"
        spellcheck={false}
        onInput={(e) => {
          const { value } = e.currentTarget;
          const whole = (e as InputEvent).inputType === "insertReplacementText" || !("inputType" in e);
          if (whole && choices?.some((c) => c.text === value)) add(value);
          else setText(value);
        }}
      />
      <datalist id={id + "-list"}>
        {found.map((c: Choice) => (
          <option key={c.selector} value={c.text} />
        ))}
      </datalist>
      <Button type="submit" icon="plus" disabled={!text.trim()}>
        Add
      </Button>
    </form>
  );
}
