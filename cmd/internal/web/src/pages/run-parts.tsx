import { type ComponentChildren, Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { ErrorBox, visible, Waiting } from "../parts";

/** Loads a value and shows it, or why it cannot be shown. */
export function Loaded<T>(props: {
  load(): Promise<T>;
  keys: readonly unknown[];
  hint?: ComponentChildren;
  children(value: T): ComponentChildren;
}) {
  const { value, error } = useLoading(props.load, props.keys);
  if (error) return <ErrorBox error={error} hint={props.hint} />;
  return <Fragment>{value === undefined ? <Waiting /> : props.children(value)}</Fragment>;
}

type Fact = readonly [name: string, value: ComponentChildren];

/** Names with their values, in a row that wraps. A fact without a value is left out. */
export function Facts({ list }: { list: readonly (Fact | false | null | undefined | 0 | "")[] }) {
  return (
    <dl class="run-facts">
      {list.map(
        (f) =>
          f &&
          f[1] && (
            <div key={f[0]}>
              <dt>{visible(f[0])}</dt>
              <dd>{typeof f[1] === "string" ? visible(f[1]) : f[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** A table. A head that begins with "#" is that of numbers. Text is shown as it is. */
export function Rows(props: { head: string[]; rows: ComponentChildren[][]; tall?: string; fit?: boolean }) {
  const kind = (i: number) => (props.head[i]?.startsWith("#") ? "num" : undefined);
  const cell = (v: ComponentChildren) => (typeof v === "string" ? visible(v) : v);
  return (
    <div class={"card " + (props.tall ? "run-box" : "scroll")} tabIndex={props.tall ? 0 : undefined} role={props.tall ? "region" : undefined} aria-label={props.tall}>
      <table class={props.fit ? undefined : "run-wide"}>
        {props.head.some(Boolean) && (
          <thead>
            <tr>
              {props.head.map((t, i) => (
                <th key={i} class={kind(i)}>
                  {t.replace("#", "")}
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {props.rows.map((row, n) => (
            <tr key={n}>
              {row.map((v, i) =>
                i === 0 ? (
                  <th key={i} scope="row" class={kind(i) ?? "run-name"}>
                    {cell(v)}
                  </th>
                ) : (
                  <td key={i} class={kind(i)}>
                    {cell(v)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The first of a list, and a button for the others. */
export function useFirst<T>(list: T[], most: number): [first: T[], more: ComponentChildren] {
  const [shown, setShown] = useState(most);
  const more =
    list.length === 0 ? (
      <p class="muted">Nothing matches.</p>
    ) : (
      list.length > shown && (
        <p class="muted run-sub">
          {`${shown.toLocaleString("en-US")} of ${list.length.toLocaleString("en-US")} are shown. `}
          <button type="button" class="link" onClick={() => setShown(shown * 4)}>
            Show more
          </button>
        </p>
      )
    );
  return [list.slice(0, shown), more];
}

const longText = 300;

/** A text that opens when it is long. */
export function LongText({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const clean = visible(text);
  const long = clean.length > longText;
  return (
    <span class="run-value">
      {open || !long ? clean : clean.slice(0, longText) + "… "}
      {long && (
        <button type="button" class="link" onClick={() => setOpen(!open)}>
          {open ? "Less" : `All ${clean.length} characters`}
        </button>
      )}
    </span>
  );
}

export function matches(text: string, find: string): boolean {
  return text.toLowerCase().includes(find.toLowerCase());
}

/** The time of a record in milliseconds. */
export const ms = (text: string): number => Date.parse(text);
