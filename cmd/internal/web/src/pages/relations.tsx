import { h } from "preact";
import type { PageProps } from "../app";
import { PageHead } from "../parts";

export function RelationsPage(_: PageProps) {
  return <PageHead title="Relations" />;
}
