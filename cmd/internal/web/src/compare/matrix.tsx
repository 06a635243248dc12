import { type ComponentChildren, h } from "preact";
import "./matrix.css";

/**
 * A table with a head and a first column that stay in sight. A title that begins with ">" is of numbers, and one that
 * begins with "." is only for those who listen. A packed table leaves its room to the last column.
 */
export function Matrix(props: {
  label: string;
  head?: readonly ComponentChildren[];
  kind?: "packed" | "even";
  columns?: number;
  children: ComponentChildren;
}) {
  return (
    <div class={"card scroll matrix " + (props.kind ?? "")} role="region" aria-label={props.label} tabIndex={0}>
      <table style={props.kind === "even" ? { minWidth: 200 + 150 * props.columns! + "px" } : undefined}>
        {props.head && (
          <thead>
            <tr>{props.head.map(heading)}</tr>
          </thead>
        )}
        {props.children}
      </table>
    </div>
  );
}

function heading(title: ComponentChildren) {
  const text = typeof title === "string" ? title : "";
  return (
    <th scope="col" class={text[0] === ">" ? "num" : undefined}>
      {text[0] === "." ? <span class="hidden">{text.slice(1)}</span> : text[0] === ">" ? text.slice(1) : title}
    </th>
  );
}
