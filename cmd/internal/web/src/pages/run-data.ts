// The answers of repo/view about one run, as the page reads them. No DOM.

/** A number of a record: JSON has no NaN and no infinities. */
export type Recorded = number | "NaN" | "Infinity" | "-Infinity";

export function numberOf(v: Recorded | null | undefined): number | undefined {
  return v === null || v === undefined ? undefined : Number(v);
}

export interface Named {
  name: string;
  path: string[];
  text: string;
  again: string;
}

export interface Metric {
  name: string;
  last: Recorded;
  min: Recorded | null;
  min_step: number;
  max: Recorded | null;
  max_step: number;
  count: number;
  goal: string;
  hidden: boolean;
  step_metric: string;
}

export interface Note {
  time: string;
  author: string;
  name: string;
  note: string;
  tags: Record<string, string> | null;
  removed: string[] | null;
}

export interface Link {
  relation: string;
  id: string;
  title: string;
  status: string;
  started?: string;
}

export interface Artifact {
  path: string;
  sha256: string;
  bytes: number;
  kind?: string;
  key?: string;
  step?: number;
  caption?: string;
  place: "here" | "lfs" | "store" | "away" | "missing";
}

export interface Artifacts {
  total: number;
  bytes: number;
  from: number;
  list: Artifact[];
}

export interface Dataset {
  name: string;
  path?: string;
  sha256?: string;
  bytes: number;
  files: number;
  rows?: number;
  columns?: string[];
  manifest?: string;
  hash?: string;
  dvc?: string;
  role?: string;
  digest?: string;
  source?: string;
  noticed?: string; // how a recorder saw that the program read it; absent for data that somebody has named
}

/** How a recorder looked at what the program reads. */
export interface Trace {
  road: string;
  files?: number;
  withheld?: number;
  problems?: string[];
  ignored?: string[];
}

/** What run.toml says, by its keys. */
export interface RunRecord {
  id: string;
  name?: string;
  key?: string;
  experiment?: string;
  status: string;
  started: string;
  ended?: string;
  end_reason?: string;
  author?: string;
  command?: string[];
  cwd?: string;
  exit_code?: number;
  signal?: string;
  group?: string;
  parent?: string;
  resumes?: string;
  reproduces?: string;
  note?: string;
  tags?: Record<string, string>;
  source?: {
    commit?: string;
    branch?: string;
    remote?: string;
    dirty: boolean;
    tree?: string;
    base?: string;
    patches?: string[];
    entry?: string;
    omitted?: { path: string; bytes: number; count?: number; reason: string }[];
  };
  environment?: {
    digest?: string;
    python?: string;
    os?: string;
    arch?: string;
    variables?: Record<string, string>;
    withheld?: string[];
  };
  machine?: { host?: string; kernel?: string; cpu?: string; cores?: number; memory?: number; gpus?: string[] };
  datasets?: Dataset[];
  trace?: Trace;
  files?: Record<string, { sha256: string; bytes: number; rows?: number; cut?: number }>;
  redacted?: { time: string; what: string; files: string[] }[];
}

export interface Run {
  id: string;
  title: string;
  /** Missing if the run is damaged. */
  record?: RunRecord;
  params: Named[];
  metrics: Metric[];
  summary: Named[];
  unknown: Named[];
  notes: Note[];
  live: { life: string; silent: string } | null;
  chain: Link[];
  parts: number;
  links: Link[];
  artifacts: Artifacts | null;
  source: { missing: string; patches: number; link: string } | null;
  log: { bytes: number; cut: number } | null;
  packages: number;
  values: boolean;
  system: boolean;
  damaged: { message: string; record: string; files: { name: string; bytes: number }[] } | null;
  doubts: string[];
}

/** The random part of an id, by which commands name the run. */
export function shortID(id: string): string {
  return id.slice(id.lastIndexOf("-") + 1);
}

/** How a run ended, in words; empty after an ordinary end. */
export function endOf(r: RunRecord): string {
  const parts = [];
  if (r.exit_code) parts.push("exit status " + r.exit_code);
  if (r.signal) parts.push(r.signal);
  if (r.end_reason) parts.push(r.end_reason);
  return parts.join(", ");
}

/** What is known about the process of a run in progress: in short, and as a sentence. */
export const lives: Record<string, [short: string, text: string]> = {
  alive: ["", "Its process is alive."],
  gone: ["crashed?", "Its process no longer exists. Run 'runs recover' to finish the run."],
  foreign: ["foreign", "It was not started in this clone: its folder came with Git or was copied."],
  detached: ["detached", "It has no process of its own. Run 'runs finish' to finish it."],
  elsewhere: ["elsewhere", "It runs on another machine, boot or container."],
};

/** The best value of a metric by its goal, and its step. */
export function bestOf(m: Metric): { value: number; step?: number } {
  const at = m.goal === "min" ? "min" : m.goal === "max" ? "max" : undefined;
  const best = at && numberOf(m[at]);
  if (!at || best === undefined) return { value: Number(m.last) };
  return { value: best, step: at === "min" ? m.min_step : m.max_step };
}

/** A command as a user would type it. Records abbreviate paths with {project} and ~, which stay readable. */
export function commandLine(words: string[]): string {
  return words
    .map((w) => {
      const readable = w.startsWith("{project}") || w.startsWith("~/");
      return w === "" || (/[\s"'\\$`*?[\](){}<>|&;#~!]/.test(w) && !readable) ? "'" + w.replaceAll("'", "'\\''") + "'" : w;
    })
    .join(" ");
}
