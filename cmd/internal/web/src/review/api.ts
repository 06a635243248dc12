// The answer review.json.

import type { Comparison, Float, Problem, Side, Verdict } from "../compare/api";

export interface Group extends Side {
  value: string;
  mean: Float;
  n: number;
  lost_runs: string;
  compared: Verdict | null;
}

export interface Curve {
  name: string;
  id: string;
  steps: number[];
  values: Float[];
  of: number;
}

export interface Check {
  command: string;
  rules: number;
  title: string;
  id: string;
  shown: boolean;
  problem: Problem | null;
  outcomes: { rule: string; ok: boolean; message: string }[];
}

export interface Review {
  command: string;
  base: string;
  bases: string[];
  problem: Problem | null;
  metric: string;
  goal: string;
  headline: string;
  verdict: string;
  baseline: Side | null;
  value: string;
  groups: Group[];
  more: number;
  findings: string[];
  unnamed: number;
  changes: Comparison | null;
  curves: Curve[];
  check: Check;
}
