import { h } from "preact";

const paths = {
  search: "M7 12.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Zm4-1.5 3.5 3.5",
  close: "m4 4 8 8m0-8-8 8",
  check: "m3 8.5 3.5 3.5L13 4.5",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  down: "m4 6 4 4 4-4",
  up: "m4 10 4-4 4 4",
  right: "m6 4 4 4-4 4",
  left: "m10 4-4 4 4 4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  pin: "M5.5 2h5l-.5 5 2 2.5H4L6 7l-.5-5ZM8 9.5V14",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  filter: "M2 3.5h12M4.5 8h7M7 12.5h2",
  download: "M8 2v8m-3.5-3L8 10.5 11.5 7M3 13.5h10",
  link: "M6.5 9.5l3-3M7.5 4.5l1-1a3 3 0 0 1 4 4l-1 1M8.5 11.5l-1 1a3 3 0 0 1-4-4l1-1",
  reset: "M3 8a5 5 0 1 0 1.5-3.6M3 2.5v3h3",
  branch: "M4.5 5.5v5M4.5 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm0 8a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm7-6.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Zm0 0c0 3-7 1-7 3.5",
  warning: "M8 2 1.5 13.5h13L8 2Zm0 4.5v3.5m0 1.8h.01",
  chart: "M2 2v12h12M4.5 10.5l3-4 2.5 2 3.5-5",
  table: "M2 3h12v10H2zM2 6.5h12M6 6.5V13",
  expand: "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5l-4.5 4.5M2.5 13.5 7 9",
  sort: "M5 3v10m-2.5-2.5L5 13l2.5-2.5M11 13V3M8.5 5.5 11 3l2.5 2.5",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  help: "M6 6a2 2 0 1 1 2.8 1.9c-.5.2-.8.6-.8 1.1v.5M8 11.8h.01M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z",
  settings: "M2 5h6m4 0h2M2 11h2m4 0h6M10 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM6 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
};

export type IconName = keyof typeof paths;

/** A small picture beside a text. It has no name of its own: what it stands in has one. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 2 : 1.4}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
