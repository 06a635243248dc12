import { h } from "preact";
import type { PageProps } from "../app";
import { PageHead } from "../parts";

export function ChartsPage(_: PageProps) {
  return <PageHead title="Charts" />;
}
