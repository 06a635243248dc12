import { h } from "preact";
import type { PageProps } from "../app";

export function ChartsPage(_: PageProps) {
  return <h1>Charts</h1>;
}
