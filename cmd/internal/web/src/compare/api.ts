// The answers compare.json, compare/{pair}.json and source.json. A number may be "NaN", "Infinity" or "-Infinity".

export type Float = number | string;

export interface Side {
  selector: string;
  title: string;
  /** Of the newest run. */
  id: string;
  group: boolean;
  status: string;
  started: number;
  count: number;
  runs: { id: string; name: string; shown: boolean }[];
  lost: string;
}

export interface Problem {
  selector: string;
  message: string;
  hint: string;
}

export interface Row {
  key: string;
  values: (string | null)[];
  same: boolean;
}

export interface Part {
  name: string;
  rows: Row[];
  more: number;
}

export interface Level {
  text: string;
  value: Float;
  last: Float;
  best: Float;
  n: number;
  lost: string;
}

export interface Verdict {
  verdict: string;
  text: string;
  delta: string;
  relative: string;
  p: Float;
  p_adjusted: Float;
  interval: Float[];
  curve: string;
}

export interface MetricRow {
  key: string;
  goal: string;
  compared: string;
  same: boolean;
  curve: boolean;
  levels: (Level | null)[];
  verdicts: (Verdict | null)[];
}

export interface DataFile {
  path: string;
  from: string;
  change: string;
  bytes: [number, number];
}

export interface Dataset {
  name: string;
  same: boolean;
  a: string;
  b: string;
  files: DataFile[] | null;
  more: number;
}

export interface Source {
  a: string;
  b: string;
  files: { path: string; change: string; added: number; removed: number }[];
  more: number;
}

export interface Pair {
  notes: string[];
  problems: string[];
  data: Dataset[];
  source: Source | null;
}

export interface Comparison {
  command: string;
  sides: Side[];
  missing: Problem[];
  primary: string;
  metrics: { rows: MetricRow[]; more: number };
  parts: Part[];
  pairs: Pair[];
  /** Computed in the page, without what only 'runs' can tell. */
  partial?: boolean;
}

export interface Patch {
  command: string;
  text: string;
  cut: boolean;
}
