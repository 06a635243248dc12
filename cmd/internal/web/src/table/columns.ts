// The table of runs by columns, as 'runs.json' and its pages hold it. A column is decoded when it is first used.

import { type Datum, Kind, compareText, float, int, readFloat, readInt, readTagged, type Tagged, text, time } from "./value";

/** What the table has: the answer runs.json. See Table in repo/view. */
export interface TableHead {
  rows: number;
  pages: { rows: number; digest: string }[];
  leftOut: number;
  leftOutKeys: string[];
  primary: string;
  metrics: { key: string; goal: string; best: string; runs: number }[];
  params: string[];
  summary: string[];
  tags: string[];
  others: string[];
  differing: string[];
  telling: number;
  named: string[];
  seeds: string[];
  filters: { name: string; where: string }[];
  selectors: string[];
  where: string;
  revision: string;
  experiments: { name: string; runs: number }[];
  statuses: { name: string; runs: number }[];
}

/** A column of a page. See column in repo/view. */
interface PageColumn {
  f?: unknown[];
  i?: unknown[];
  t?: string[];
  d?: number[];
  m?: Tagged[];
  v?: number | number[];
  r?: number[];
}

type Group = Record<string, PageColumn>;

/** A page of the table: the answer runs/{n}.json. */
export interface Page {
  ids: string[];
  attributes: Group;
  params: Group;
  tags: Group;
  summary: Group;
  metrics: Group;
  goals: Group;
}

/** The rest of a page: the answer more/{n}.json. */
export interface MorePage {
  attributes: Group;
  named: Group;
  tables: Group;
  groups: Group;
  last: Group;
  min: Group;
  max: Group;
  min_step: Group;
  max_step: Group;
  count: Group;
  left: string[];
}

/** A decoded column. */
export class Column {
  readonly kinds: Uint8Array;
  /** Numbers, bools and times; otherwise an index into values. */
  readonly numbers: Float64Array;
  readonly values: Datum[] = [];
  private bigs?: Map<number, bigint>;

  constructor(rows: number) {
    this.kinds = new Uint8Array(rows);
    this.numbers = new Float64Array(rows);
  }

  /** Returns the value of a row, or undefined. */
  at(row: number): Datum | undefined {
    const kind = this.kinds[row];
    switch (kind) {
      case Kind.Missing:
        return undefined;
      case Kind.Text:
      case Kind.Nested:
        return this.values[this.numbers[row]];
      case Kind.Int: {
        const big = this.bigs?.get(row);
        return big === undefined ? int(this.numbers[row]) : int(big);
      }
      case Kind.Float:
        return float(this.numbers[row]);
    }
    return { kind, n: this.numbers[row], s: "" };
  }

  /** Returns the text of a row, or an empty text. */
  text(row: number): string {
    return this.kinds[row] === Kind.Text ? this.values[this.numbers[row]].s : "";
  }

  /** Adds the values of a page whose first row is from. */
  add(page: PageColumn, from: number, rows: number): void {
    const list: Datum[] = page.f
      ? page.f.map((v) => (v === null ? none : float(readFloat(v))))
      : page.i
        ? page.i.map((v) => (v === null ? none : readInt(v)))
        : page.t
          ? page.t.map((v) => (v === null ? none : text(v)))
          : page.d
            ? page.d.map((v) => (v === null ? none : time(v)))
            : page.m!.map((v) => (v === null ? none : readTagged(v)));
    const first = this.values.length;
    if (page.t || page.m) for (const d of list) this.values.push(d);
    const count = page.r ? page.r.length : rows;
    for (let i = 0; i < count; i++) {
      const at = page.v === undefined ? i : typeof page.v === "number" ? page.v : page.v[i];
      if (at >= 0 && at < list.length) this.set(from + (page.r ? page.r[i] : i), list[at], first + at);
    }
  }

  private set(row: number, d: Datum, index: number): void {
    this.kinds[row] = d.kind;
    this.numbers[row] = d.kind === Kind.Text || d.kind === Kind.Nested ? index : d.n;
    if (d.big !== undefined) (this.bigs ??= new Map()).set(row, d.big);
  }
}

const none: Datum = { kind: Kind.Missing, n: 0, s: "" };

/** The keys that attributes have besides those of their column. */
const aliases: Record<string, string> = {
  commit: "source.commit",
  branch: "source.branch",
  dirty: "source.dirty",
  tree: "source.tree",
  python: "environment.python",
  os: "environment.os",
  arch: "environment.arch",
  host: "machine.host",
};

export type Section = Exclude<keyof Page, "ids"> | Exclude<keyof MorePage, "left" | "attributes">;

const inRest = new Set<string>(["named", "tables", "groups", "last", "min", "max", "min_step", "max_step", "count"]);

/** The rows of runs. A row is a number below rows. */
export class RunTable {
  readonly rows: number;
  readonly ids: string[];
  /** All rows, newest first. */
  readonly newest: Int32Array;
  /** Whether something was asked for that is in the rest of the pages, which is not there yet. */
  wantsMore = false;
  private more?: MorePage[];
  private readonly from: number[];
  private readonly decoded = new Map<string, Column | undefined>();
  private readonly byID = new Map<string, number>();
  private readonly goals = new Map<string, string>();
  private readonly names: Set<string>;

  constructor(
    readonly head: TableHead,
    private readonly pages: Page[],
    more?: MorePage[],
    /** Whether pages are missing, which are still on their way. */
    readonly partial = false,
  ) {
    this.more = more;
    this.from = [];
    this.ids = [];
    for (const page of pages) {
      this.from.push(this.ids.length);
      for (const id of page.ids) this.ids.push(id);
    }
    this.rows = this.ids.length;
    this.ids.forEach((id, row) => this.byID.set(id, row));
    const started = this.section("attributes", "started");
    const rows: number[] = [];
    for (let row = 0; row < this.rows; row++) if (this.byID.get(this.ids[row]) === row) rows.push(row);
    const at = (row: number) => started?.numbers[row] ?? 0;
    rows.sort((a, b) => at(b) - at(a) || (this.ids[b] < this.ids[a] ? -1 : 1));
    this.newest = Int32Array.from(rows);
    for (const m of head.metrics) this.goals.set(m.key, m.goal);
    this.names = new Set(head.named);
  }

  /** The same for tables with the same rows. */
  get version(): string {
    return this.head.pages.map((p) => p.digest).join() + this.partial;
  }

  get complete(): boolean {
    return this.more !== undefined;
  }

  /** Calls a function, and says whether what it asked for is still on its way. */
  track<T>(ask: () => T): { value: T; waits: boolean } {
    const before = this.wantsMore;
    this.wantsMore = false;
    try {
      const value = ask();
      return { value, waits: this.wantsMore && !this.complete };
    } finally {
      this.wantsMore ||= before;
    }
  }

  row(id: string): number | undefined {
    return this.byID.get(id);
  }

  /** Returns a column of the pages. Until the rest is there, it notes what it lacks. */
  section(name: Section, key: string): Column | undefined {
    const id = name + "\n" + key;
    if (this.decoded.has(id)) return this.decoded.get(id);
    if (inRest.has(name) && !this.more) {
      this.wantsMore = true;
      return undefined;
    }
    const column = this.decode((n) => {
      const page = (inRest.has(name) ? this.more![n] : this.pages[n]) as unknown as Record<string, Group>;
      return Object.hasOwn(page[name], key) ? page[name][key] : undefined;
    });
    this.decoded.set(id, column);
    return column;
  }

  private decode(of: (page: number) => PageColumn | undefined): Column | undefined {
    let column: Column | undefined;
    this.pages.forEach((page, n) => {
      const one = of(n);
      if (one) (column ??= new Column(this.rows)).add(one, this.from[n], page.ids.length);
    });
    return column;
  }

  /** Returns the value of an attribute of a row. */
  attribute(key: string): (row: number) => Datum | undefined {
    if (key === "id") return (row) => text(this.ids[row]);
    if (key === "duration") {
      const started = this.section("attributes", "started");
      const ended = this.section("attributes", "ended");
      return (row) => {
        if (!ended?.kinds[row]) return undefined;
        const us = ended.numbers[row] - (started?.numbers[row] ?? 0);
        return float(Math.trunc(us / 1e6) + ((us % 1e6) * 1e3) / 1e9);
      };
    }
    const name = Object.hasOwn(aliases, key) ? aliases[key] : key;
    const usual = this.section("attributes", name);
    if (usual && name === key) return (row) => usual.at(row);
    const id = "more\n" + name;
    if (!this.decoded.has(id) && this.more) {
      const more = this.more;
      this.decoded.set(id, this.decode((n) => (Object.hasOwn(more[n].attributes, name) ? more[n].attributes[name] : undefined)));
    }
    const rare = this.decoded.get(id);
    if (!this.more && (attributesOfRest.test(name) || this.head.others.includes(key))) this.wantsMore = true;
    const other = attributesOfPages.has(key) ? undefined : this.more && this.section("named", key);
    return (row) => usual?.at(row) ?? rare?.at(row) ?? other?.at(row);
  }

  /** Returns the goal of a metric for a row, or an empty text. */
  goal(metric: string, row: number): string {
    return this.goals.get(metric) || this.section("goals", metric)?.text(row) || "";
  }

  /** Reports whether any run has a metric with this name, which could mean a value of another metric. */
  isNamed(metric: string): boolean {
    return this.names.has(metric);
  }

  /** Returns the prefixes of attributes that are too many for the table. */
  get left(): string[] {
    return [...new Set(this.more?.flatMap((page) => page.left) ?? [])];
  }
}

const attributesOfPages = new Set([
  "name", "key", "experiment", "status", "started", "ended", "end_reason", "signal", "author", "group", "parent",
  "resumes", "reproduces", "note", "exit_code", "source.branch", "source.dirty", "machine.host", "part", "life", "silent",
]);

const attributesOfRest = /^(command|cwd|(source|environment|machine|datasets|artifacts|files|conflicts|extra)\..+)$/;

/** Returns the texts that a column has, sorted. */
export function textsOf(column: Column | undefined): string[] {
  return [...new Set(column?.values.filter((d) => d.kind === Kind.Text).map((d) => d.s))].sort(compareText);
}

