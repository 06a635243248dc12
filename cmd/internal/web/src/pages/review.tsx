import { h } from "preact";
import type { PageProps } from "../app";
import { PageHead } from "../parts";

export function ReviewPage(_: PageProps) {
  return <PageHead title="Review" />;
}
