// The answers of repo/view, as the page reads them. Each page's own answers are in its file.

export interface Damage {
  id: string;
  message: string;
}

export interface Project {
  /** The name of the folder. */
  name: string;
  /** The version of the program. */
  version: string;
  /** The Git revision that is shown. Without it, the working tree is. */
  revision?: string;
  /** Those whose runs can be shown instead. An export has none. */
  branches: string[];
  /** The branch that is checked out. */
  here?: string;
  /** Only runs that they name are shown. */
  selectors?: string[];
  /** Only runs that match this expression are shown. */
  where?: string;
  primary: string;
  /** "min" or "max", of each metric that has a goal. */
  goals: Record<string, string>;
  experiments: { name: string; runs: number }[];
  runs: number;
  active: number;
  damaged: Damage[];
  /** How many models the registry has. */
  models?: number;
  /** Why the runs are not the present ones. */
  problem?: string;
  cursor?: string;
}
