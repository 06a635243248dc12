import type { Project } from "../api";
import type { Place } from "../location";
import type { Source } from "../source";

/** What every page is given. */
export interface PageProps {
  source: Source;
  project: Project;
  place: Place;
}
