import { h } from "preact";
import type { PageProps } from "../app";

export function ComparePage(_: PageProps) {
  return <h1>Compare</h1>;
}
