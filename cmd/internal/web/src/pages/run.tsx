import { h } from "preact";
import type { PageProps } from "../app";

export function RunPage(_: PageProps) {
  return <h1>Run</h1>;
}
