// Finds the keys of an expression that no run has, and similar ones that may be meant, as 'runs ls' does.

import type { RunTable } from "./columns";
import { type Expr, eachKey } from "./expression";
import { bindField } from "./field";

const attributes =
  "id name key experiment status started ended duration end_reason signal author group parent resumes reproduces note command " +
  "cwd exit_code commit branch dirty tree python os arch host";
const known = new Set(attributes.split(" "));
const inTable = /^(source|environment|machine|datasets|artifacts|files|conflicts|extra)\./;
const scopes: Record<string, string> = {
  metrics: "metrics.", metric: "metrics.", summary: "summary.", params: "params.", param: "params.", config: "params.",
  tags: "tags.", tag: "tags.", attributes: "",
};
const partly = 100; // one name contains the other
const tooFar = 200;
/** Longer names are not compared letter by letter. */
const maxTyped = 80;

/** Returns what a page says about a key that no run has, or an empty text. */
export function missingKey(e: Expr, t: RunTable): string {
  let message = "";
  eachKey(e, (f, bare) => {
    if (message || (f.scope in { "": 0, attributes: 0 } && (known.has(f.name) || inTable.test(f.name)))) return;
    const value = bindField(f, t);
    if (t.newest.some((row) => value(row) !== undefined)) return;
    const near = similar(f.key, t);
    if (bare && !near.length) return;
    message = `no run has ${f.key}` + (near.length ? `; did you mean ${near.join(" or ")}?` : "");
  });
  return message;
}

function similar(key: string, t: RunTable): string[] {
  const [word, ...rest] = key.split(".");
  const scope = rest.length && Object.hasOwn(scopes, word) ? scopes[word] : undefined;
  const all: [scope: string, name: string][] = [
    ...t.head.metrics.map((m): [string, string] => ["metrics.", m.key]),
    ...t.head.params.map((name): [string, string] => ["params.", name]),
    ...t.head.summary.map((name): [string, string] => ["summary.", name]),
    ...t.head.tags.map((name): [string, string] => ["tags.", name]),
    ...[...known].map((name): [string, string] => ["", name]),
  ];
  if (scope === undefined) return nearest(key, all, tooFar);
  const name = rest.join(".");
  const own = nearest(name, all.filter(([s]) => s === scope), tooFar);
  return own.length ? own : nearest(name, all, partly);
}

function nearest(name: string, all: [string, string][], most: number): string[] {
  let least = most;
  let best: string[] = [];
  for (const [scope, other] of all) {
    const d = distance(name.toLowerCase(), other.toLowerCase());
    if (d < least) [least, best] = [d, []];
    if (d === least && d < most) best.push(scope + other);
  }
  return best.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, 3).sort();
}

const lastPart = (name: string) => name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("/")) + 1);

/** Equal names, equal last parts, few edits, one within the other, or nothing in common. */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  if (lastPart(a) === b || lastPart(b) === a) return 1;
  const d = a.length <= maxTyped ? edits(a, b) : tooFar;
  if (d <= Math.min(Math.floor(a.length / 3), 3)) return 1 + d;
  return (a.length >= 3 && b.includes(a)) || (b.length >= 3 && a.includes(b)) ? partly : tooFar;
}

/** The edit distance of Levenshtein, in which the exchange of two neighbors is one edit (Damerau). */
function edits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 9;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      next[j] = same ? row[j - 1] : 1 + Math.min(row[j], next[j - 1], row[j - 1]);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
