import { h } from "preact";
import type { PageProps } from "../app";

export function RelationsPage(_: PageProps) {
  return <h1>Relations</h1>;
}
