import { h } from "preact";
import type { PageProps } from "../app";
import { PageHead } from "../parts";

export function RunPage(_: PageProps) {
  return <PageHead title="Run" />;
}
