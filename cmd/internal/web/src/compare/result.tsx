import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { placeLink, replaceParams } from "../location";
import { Button, count, formatBytes, SearchField, Section, Toggle, upperFirst, visible } from "../parts";
import type { Source } from "../source";
import type { Comparison, Level, MetricRow, Pair, Part, Row, Side, Verdict } from "./api";
import { Curves } from "./curves";
import { Matrix } from "./matrix";
import { PatchView } from "./patch_view";
import "./result.css";
import { bestSides, shownRows } from "./rows";

const partNames: Record<string, string> = {
  command: "Command and exit",
  packages: "Packages and system",
  variables: "Environment variables",
};

const partName = (p: Part) => partNames[p.name] ?? upperFirst(p.name);

interface Shown {
  comparison: Comparison;
  /** Show equal values too. */
  all: boolean;
  /** Only keys that contain this text. */
  text: string;
}

/** Everything that a comparison says. The reader's choices are parameters of the place: all, and q for a key. */
export function ComparisonView(props: {
  source: Source;
  comparison: Comparison;
  params: URLSearchParams;
  onPin?(i: number): void;
}) {
  const { source, comparison: c, params } = props;
  const shown = { comparison: c, all: params.get("all") === "1", text: params.get("q") ?? "" };
  return (
    <Fragment>
      <Headline comparison={c} />
      <div class="bar compare-bar">
        <SearchField label="Find a key" value={shown.text} delay={150} onInput={(q) => replaceParams({ q })} />
        <Toggle label="Show equal values" on={shown.all} onChange={(on) => replaceParams({ all: on ? "1" : "" })} />
      </div>
      <Metrics {...shown} onPin={props.onPin} />
      <Curves source={source} comparison={c} params={params} text={shown.text} />
      <Parts {...shown} />
      {c.pairs.length === 1 && <Details source={source} comparison={c} pair={c.pairs[0]} />}
      <Equal {...shown} />
    </Fragment>
  );
}

/** What the comparison says about the primary metric, in a sentence, and what must be known about all of it. */
function Headline({ comparison: c }: { comparison: Comparison }) {
  const row = c.metrics.rows.find((r) => r.key === c.primary) ?? c.metrics.rows[0];
  const pair = c.pairs.length === 1 ? c.pairs[0] : undefined;
  const [a, b] = row?.levels ?? [];
  const v = pair && row?.verdicts[0];
  return (
    <div class="compare-head">
      {v && a && b && (
        <p class="compare-headline">
          <VerdictText verdict={v} before={row.compared + ": "} />{" "}
          <span class="num">
            {a.text} → {b.text}
            {v.relative && ` (${v.relative})`}
          </span>
        </p>
      )}
      {c.sides.length > 2 && (
        <p>
          {count(c.sides.length - 1, "side")} compared with {visible(c.sides[0].title)}.{" "}
          {c.sides.some((s) => s.group) && "The comparisons share the level of the tests in equal parts."}
        </p>
      )}
      {c.partial && (
        <p>
          Computed in the page from the table of runs. For verdicts, source and data use <code>runs ui</code> or{" "}
          <code>runs diff A B</code>.
        </p>
      )}
      {pair?.notes.map((n) => (
        <p key={n} class="note">
          {n}
        </p>
      ))}
      {pair?.problems.map((p) => (
        <p key={p} class="warn">
          {upperFirst(p)}.
        </p>
      ))}
      {c.pairs.length > 1 && (
        <details class="note">
          <summary>Notes on each comparison</summary>
          {c.pairs.map((p, i) => (
            <p key={i}>
              <strong>{c.sides[i + 1].title}</strong>: {[...p.notes, ...p.problems].join("; ")}
            </p>
          ))}
        </details>
      )}
    </div>
  );
}

const marks: Record<string, string> = { better: "▲", worse: "▼", same: "=", inconclusive: "~" };

/** A verdict in words, with a sign and a color. */
export function VerdictText({ verdict: v, before }: { verdict: Verdict; before?: string }) {
  return (
    <span class={v.verdict === "better" || v.verdict === "worse" ? v.verdict : "muted"}>
      <span aria-hidden="true">{marks[v.verdict] ?? "·"} </span>
      {before}
      {words[v.text] ?? v.text}
    </span>
  );
}

// The page names the sides, which the commands call a and b.
const words: Record<string, string> = { "only in a": "only in the baseline", "only in b": "not in the baseline" };

function SideHead({ side, baseline, onPin }: { side: Side; baseline: boolean; onPin?(): void }) {
  return (
    <Fragment>
      <span class="side-title" title={side.title}>
        <SideName side={side} />
      </span>
      {baseline ? (
        <span class="note">baseline</span>
      ) : (
        onPin && (
          <Button kind="link" class="small" onClick={onPin} aria-label={`Set ${side.title} as the baseline`}>
            set as baseline
          </Button>
        )
      )}
    </Fragment>
  );
}

/** The title of a side, as a link if the page shows its run. */
export function SideName({ side, title = side.title }: { side: Side; title?: string }) {
  if (side.group || !side.runs[0]?.shown) return <Fragment>{visible(title)}</Fragment>;
  return <a href={placeLink(["run", side.id])}>{visible(title)}</a>;
}

const heads = (c: Comparison, onPin?: (i: number) => void) =>
  c.sides.map((s, i) => <SideHead side={s} baseline={i === 0} onPin={onPin && c.sides.length > 2 ? () => onPin(i) : undefined} />);

function Metrics({ comparison: c, all, text, onPin }: Shown & { onPin?(i: number): void }) {
  const rows = useMemo(() => shownRows(c.metrics.rows, all, text), [c, all, text]);
  const [most, setMost] = useState(100);
  if (rows.length === 0) return <Fragment />;
  const two = c.sides.length === 2;
  const more = [">Change", ...(c.partial ? [] : ["Verdict", c.sides.some((s) => s.group) ? "Interval" : "Points"])];
  return (
    <Section title="Metrics" count={rows.length} id="metrics">
      <Matrix label="Metrics" kind={two && !c.partial ? "packed" : undefined} head={["Metric", ...heads(c, onPin), ...(two ? more : [])]}>
        <tbody>
          {rows.slice(0, most).map((r) => (
            <MetricLine key={r.key} row={r} two={two} partial={c.partial} />
          ))}
        </tbody>
      </Matrix>
      {rows.length > most && (
        <Button kind="link" onClick={() => setMost(most + 500)}>
          Show more of {count(rows.length, "metric")}
        </Button>
      )}
      {c.metrics.more > 0 && <p class="note">{count(c.metrics.more, "metric")} left out: too many for a page.</p>}
    </Section>
  );
}

function MetricLine({ row, two, partial }: { row: MetricRow; two: boolean; partial?: boolean }) {
  const best = bestSides(row);
  const v = row.verdicts[0];
  return (
    <tr>
      <th scope="row">
        {visible(row.compared)}
        {row.goal && row.compared === row.key && <span class="note"> ({row.goal})</span>}
      </th>
      {row.levels.map((l, i) => (
        <LevelCell key={i} level={l} best={best.includes(i)} verdict={two || i === 0 ? null : row.verdicts[i - 1]} />
      ))}
      {two && (
        <td class="num">
          {v?.delta} <span class="muted">{v?.relative}</span>
        </td>
      )}
      {two && !partial && (
        <Fragment>
          <td>{v && <VerdictText verdict={v} />}</td>
          <td class="note">{v && (v.interval.length ? `[${v.interval.map(short).join(", ")}]${typeof v.p_adjusted === "number" ? ", p " + Number(v.p_adjusted.toPrecision(2)) : ""}` : v.curve)}</td>
        </Fragment>
      )}
    </tr>
  );
}

function short(x: number | string): string {
  return typeof x === "number" ? (x > 0 ? "+" : "") + Number(x.toPrecision(4)) : x;
}

function LevelCell({ level: l, best, verdict: v }: { level: Level | null; best: boolean; verdict: Verdict | null }) {
  return (
    <td class="num" title={l?.lost ? "Not counted: " + l.lost : undefined}>
      {!l ? (
        <span class="muted">–</span>
      ) : best ? (
        <strong>
          {l.text}{" "}
          <span class="better" title="The best of these">
            ★<span class="hidden">best</span>
          </span>
        </strong>
      ) : (
        l.text
      )}
      {v && l && (
        <div class="small">
          <span class="muted">{v.relative || v.delta}</span> {v.text && v.text !== "no goal" && <VerdictText verdict={v} />}
        </div>
      )}
    </td>
  );
}

/** All parts of the records in one table, so that their columns align. */
function Parts({ comparison: c, all, text }: Shown) {
  const [full, setFull] = useState<readonly string[]>([]);
  const parts = useMemo(() => {
    const metrics = new Set(c.metrics.rows.map((r) => r.key));
    return c.parts
      .map((p) => ({ ...p, rows: shownRows(p.rows, all, text).filter((r) => p.name !== "summary" || !metrics.has(r.key)) }))
      .filter((p) => p.rows.length > 0);
  }, [c, all, text]);
  if (parts.length === 0) return <Fragment />;
  const columns = c.sides.length;
  return (
    <Section title="Inputs and records" count={parts.reduce((n, p) => n + p.rows.length, 0)} id="parts">
      <Matrix label="Inputs and records" kind="even" columns={columns} head={["Key", ...heads(c)]}>
        {parts.map((p) => {
          // Job ids and the like differ in every run: of variables only some are shown at first.
          const shown = full.includes(p.name) ? p.rows : p.rows.slice(0, p.name === "variables" ? 5 : 50);
          const left = p.rows.length - shown.length;
          return (
            <tbody key={p.name} id={p.name}>
              <tr class="part">
                <th scope="rowgroup" colSpan={1 + columns}>
                  {partName(p)} <span class="count">{p.rows.length}</span>
                </th>
              </tr>
              {shown.map((r) => (
                <RecordRow key={r.key} row={r} />
              ))}
              {left + p.more > 0 && (
                <tr>
                  <td colSpan={1 + columns}>
                    {left > 0 && (
                      <Button kind="link" onClick={() => setFull([...full, p.name])}>
                        Show {left} more
                      </Button>
                    )}
                    {p.more > 0 && <span class="note"> {count(p.more, "row")} left out: too many for a page.</span>}
                  </td>
                </tr>
              )}
            </tbody>
          );
        })}
      </Matrix>
    </Section>
  );
}

function RecordRow({ row: r }: { row: Row }) {
  return (
    <tr>
      <th scope="row">{visible(r.key)}</th>
      {r.values.map((v, i) => (
        <td key={i} class={i > 0 && v !== r.values[0] ? "differs" : undefined}>
          {v === null ? <span title="This side does not have it">–</span> : <span class="value">{visible(v)}</span>}
        </td>
      ))}
    </tr>
  );
}

/** What only two sides have: the files of their data and source. */
function Details({ source, comparison: c, pair }: { source: Source; comparison: Comparison; pair: Pair }) {
  const src = pair.source;
  return (
    <Fragment>
      {pair.data.map(
        (d) =>
          d.files &&
          !d.same && (
            <Files key={d.name} title={"Files of " + d.name} more={d.more} files={d.files}>
              {(f) => `${f.change === "added" ? "" : formatBytes(f.bytes[0])} → ${f.change === "removed" ? "" : formatBytes(f.bytes[1])}`}
            </Files>
          ),
      )}
      {src && src.files.length > 0 && (
        <Fragment>
          <Files title="Source files" more={src.more} files={src.files}>
            {(f) =>
              f.added < 0 ? (
                "binary"
              ) : (
                <Fragment>
                  <span class="better">+{f.added}</span> <span class="worse">−{f.removed}</span>
                </Fragment>
              )
            }
          </Files>
          <PatchView source={source} sides={c.sides} />
        </Fragment>
      )}
    </Fragment>
  );
}

interface ChangedFile {
  path: string;
  change: string;
  from?: string;
}

const changes: Record<string, string> = { added: "better", removed: "worse" };

function Files<F extends ChangedFile>(props: { title: string; more: number; files: readonly F[]; children(file: F): preact.ComponentChildren }) {
  return (
    <Section title={props.title} count={props.files.length + props.more}>
      <Matrix label={props.title} kind="packed">
        <tbody>
          {props.files.map((f) => (
            <tr key={f.path}>
              <th scope="row">
                {visible((f.from ? f.from + " → " : "") + f.path)}
              </th>
              <td class={changes[f.change]}>{f.change}</td>
              <td class="muted">{props.children(f)}</td>
            </tr>
          ))}
        </tbody>
      </Matrix>
      {props.more > 0 && <p class="note">{count(props.more, "more file")}</p>}
    </Section>
  );
}

/** Says what does not differ, so that a missing section is not a question. */
function Equal({ comparison: c, all, text }: Shown) {
  const some = [c.metrics, ...c.parts].some((p) => shownRows(p.rows as Row[], all, text).length > 0);
  const equal = c.parts.filter((p) => p.rows.every((r) => r.same)).map((p) => partName(p).toLowerCase());
  if (all || text) return some ? <Fragment /> : <p class="muted">No key contains “{text}”.</p>;
  return (
    <p class="muted">
      {!some && "No differences. "}
      {equal.length > 0 && `Equal: ${equal.join(", ")}.`}
    </p>
  );
}
