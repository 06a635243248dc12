import { h } from "preact";
import type { PageProps } from "../app";
import { PageHead } from "../parts";

export function ComparePage(_: PageProps) {
  return <PageHead title="Compare" />;
}
