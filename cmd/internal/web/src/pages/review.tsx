import { h } from "preact";
import type { PageProps } from "../app";

export function ReviewPage(_: PageProps) {
  return <h1>Review</h1>;
}
