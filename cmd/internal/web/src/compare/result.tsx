import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { placeLink, replaceParams } from "../location";
import { Button, count, formatBytes, SearchField, Section, Toggle } from "../parts";
import type { Source } from "../source";
import type { Comparison, Level, MetricRow, Pair, Part, Row, Side, Verdict } from "./api";
import { Curves } from "./curves";
import { PatchView } from "./patch_view";
import "./result.css";
import { bestSides, shownRows } from "./rows";

const partNames: Record<string, string> = {
  params: "Params",
  summary: "Summary",
  tags: "Tags",
  command: "Command and exit",
  data: "Data",
  source: "Source",
  packages: "Packages and system",
  machine: "Machine",
  variables: "Environment variables",
  artifacts: "Artifacts",
};

/** Everything that a comparison says. The reader's choices are parameters of the place: all, and q for a key. */
export function ComparisonView(props: {
  source: Source;
  comparison: Comparison;
  params: URLSearchParams;
  /** Changes when the runs may have changed. */
  onPin?(i: number): void;
}) {
  const { source, comparison: c, params } = props;
  const all = params.get("all") === "1";
  const text = params.get("q") ?? "";
  return (
    <Fragment>
      <Headline comparison={c} />
      <div class="compare-bar">
        <SearchField label="Find a key" value={text} delay={150} onInput={(q) => replaceParams({ q })} />
        <Toggle label="Also what is equal" on={all} onChange={(on) => replaceParams({ all: on ? "1" : "" })} />
      </div>
      <Metrics comparison={c} all={all} text={text} onPin={props.onPin} />
      <Curves source={source} comparison={c} params={params} text={text} />
      <Parts comparison={c} all={all} text={text} />
      {c.sides.length === 2 && c.pairs.length === 1 && <Details source={source} comparison={c} pair={c.pairs[0]} />}
      <Equal comparison={c} all={all} text={text} />
    </Fragment>
  );
}

/** What the comparison says about the primary metric, in a sentence. */
function Headline({ comparison: c }: { comparison: Comparison }) {
  const row = c.metrics.rows.find((r) => r.key === c.primary) ?? c.metrics.rows[0];
  const notes = c.pairs.length === 1 ? c.pairs[0].notes : [];
  const problems = c.pairs.length === 1 ? c.pairs[0].problems : [];
  const verdict = c.sides.length === 2 ? row?.verdicts[0] : undefined;
  return (
    <div class="compare-head">
      {row && verdict && (
        <p class="compare-headline">
          <VerdictMark verdict={verdict} />{" "}
          <strong>
            {row.compared}: {verdict.text}
          </strong>
          {row.levels[0] && row.levels[1] && (
            <span class="num">
              {" "}
              {row.levels[0].text} → {row.levels[1].text}
              {verdict.relative && ` (${verdict.relative})`}
            </span>
          )}
        </p>
      )}
      {c.sides.length > 2 && (
        <p>
          {count(c.sides.length - 1, "side")} compared with {c.sides[0].title}.{" "}
          {c.pairs.length > 1 && c.sides.some((s) => s.group) && "The comparisons share the level of the tests in equal parts."}
        </p>
      )}
      {c.partial && (
        <p>
          The page computed these differences from the table of runs. Verdicts, source and data need <code>runs ui</code>{" "}
          or <code>runs diff A B</code>.
        </p>
      )}
      {notes.map((n) => (
        <p key={n} class="muted small">
          {n}
        </p>
      ))}
      {problems.map((p) => (
        <p key={p} class="compare-problem">
          {p.charAt(0).toUpperCase() + p.slice(1)}.
        </p>
      ))}
    </div>
  );
}

const marks: Record<string, string> = { better: "▲", worse: "▼", same: "=", inconclusive: "~" };

/** A sign for a verdict. The words stand beside it. */
export function VerdictMark({ verdict }: { verdict: Verdict }) {
  return (
    <span class={"verdict-mark " + verdict.verdict} aria-hidden="true">
      {marks[verdict.verdict] ?? "·"}
    </span>
  );
}

function SideHead({ side, baseline, onPin }: { side: Side; baseline?: boolean; onPin?(): void }) {
  return (
    <th scope="col" class="side">
      <span class="side-title" title={side.title}>
        {side.group || !side.runs[0]?.shown ? side.title : <a href={placeLink(["run", side.id])}>{side.title}</a>}
      </span>
      {baseline ? (
        <span class="muted small">baseline</span>
      ) : (
        onPin && (
          <Button kind="link" class="small" title={"Compare the others with " + side.title} onClick={onPin}>
            set as baseline
          </Button>
        )
      )}
    </th>
  );
}

function Metrics(props: { comparison: Comparison; all: boolean; text: string; onPin?(i: number): void }) {
  const { comparison: c } = props;
  const rows = useMemo(() => shownRows(c.metrics.rows, props.all, props.text), [c, props.all, props.text]);
  const [most, setMost] = useState(100);
  if (rows.length === 0) return <Fragment />;
  const two = c.sides.length === 2;
  const groups = c.sides.some((s) => s.group);
  return (
    <Section title="Metrics" count={rows.length} id="metrics">
      <div class={two ? "matrix packed" : "matrix"} role="region" aria-label="Metrics" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              {c.sides.map((s, i) => (
                <SideHead key={s.selector} side={s} baseline={i === 0} onPin={two || !props.onPin ? undefined : () => props.onPin!(i)} />
              ))}
              {two && !c.partial && (
                <Fragment>
                  <th scope="col" class="right">
                    Change
                  </th>
                  <th scope="col">Verdict</th>
                  <th scope="col">{groups ? "Interval" : "Points"}</th>
                </Fragment>
              )}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((r) => (two ? <PairRow key={r.key} row={r} partial={c.partial} /> : <SidesRow key={r.key} row={r} />))}
          </tbody>
        </table>
      </div>
      <More shown={most} of={rows.length} left={c.metrics.more} onMore={() => setMost(most + 500)} />
    </Section>
  );
}

function MetricName({ row }: { row: MetricRow }) {
  return (
    <th scope="row" class="key">
      {row.compared}
      {row.goal && row.compared === row.key && <span class="muted small"> ({row.goal})</span>}
    </th>
  );
}

function PairRow({ row, partial }: { row: MetricRow; partial?: boolean }) {
  const best = bestSides(row);
  const v = row.verdicts[0];
  return (
    <tr>
      <MetricName row={row} />
      {row.levels.map((l, i) => (
        <LevelCell key={i} level={l} best={best.includes(i)} />
      ))}
      {!partial && (
        <Fragment>
          <td class="num right">
            {v?.delta} {v?.relative && <span class="muted">{v.relative}</span>}
          </td>
          <td>
            {v && (
              <span class={"verdict " + v.verdict}>
                <VerdictMark verdict={v} /> {v.text}
              </span>
            )}
          </td>
          <td class="muted small note">
            {v && (v.interval.length ? `[${v.interval.map((x) => short(x)).join(", ")}]` : v.curve)}
          </td>
        </Fragment>
      )}
    </tr>
  );
}

function short(x: number | string): string {
  return typeof x === "number" ? (x > 0 ? "+" : "") + Number(x.toPrecision(4)) : x;
}

function LevelCell({ level, best, verdict }: { level: Level | null; best: boolean; verdict?: Verdict | null }) {
  return (
    <td class="num right">
      <span class={best ? "best" : undefined} title={level?.lost ? "Not counted: " + level.lost : undefined}>
        {level?.text ?? <span class="muted">–</span>}
        {best && (
          <span class="best-mark" title="The best of these">
            {" "}
            ★<span class="hidden">best</span>
          </span>
        )}
      </span>
      {verdict && level && (
        <span class={"verdict small " + verdict.verdict}>
          {verdict.relative || verdict.delta} <VerdictMark verdict={verdict} /> {verdict.text}
        </span>
      )}
    </td>
  );
}

function SidesRow({ row }: { row: MetricRow }) {
  const best = bestSides(row);
  return (
    <tr>
      <MetricName row={row} />
      {row.levels.map((l, i) => (
        <LevelCell key={i} level={l} best={best.includes(i)} verdict={i > 0 ? row.verdicts[i - 1] : undefined} />
      ))}
    </tr>
  );
}

/** All parts of the records in one table, so that their columns align. */
function Parts({ comparison: c, all, text }: { comparison: Comparison; all: boolean; text: string }) {
  const [full, setFull] = useState<readonly string[]>([]);
  const parts = useMemo(() => {
    const metrics = new Set(c.metrics.rows.map((r) => r.key));
    return c.parts
      .map((p) => ({ ...p, rows: shownRows(p.rows, all, text).filter((r) => p.name !== "summary" || !metrics.has(r.key)) }))
      .filter((p) => p.rows.length > 0);
  }, [c, all, text]);
  const rows = parts.reduce((n, p) => n + p.rows.length, 0);
  if (rows === 0) return <Fragment />;
  return (
    <Section title="Inputs and records" count={rows} id="parts">
      <div class="matrix" role="region" aria-label="Inputs and records" tabIndex={0}>
        <table class="even" style={{ minWidth: 200 + 150 * c.sides.length + "px" }}>
          <thead>
            <tr>
              <th scope="col">Key</th>
              {c.sides.map((s, i) => (
                <SideHead key={s.selector} side={s} baseline={i === 0} />
              ))}
            </tr>
          </thead>
          {parts.map((p) => {
            const shown = full.includes(p.name) ? p.rows : p.rows.slice(0, first(p));
            return (
              <tbody key={p.name} id={p.name}>
                <tr class="part">
                  <th scope="rowgroup" colSpan={1 + c.sides.length}>
                    {partNames[p.name] ?? p.name} <span class="count">{p.rows.length}</span>
                  </th>
                </tr>
                {shown.map((r) => (
                  <RecordRow key={r.key} row={r} />
                ))}
                {(shown.length < p.rows.length || p.more > 0) && (
                  <tr>
                    <td colSpan={1 + c.sides.length}>
                      {shown.length < p.rows.length && (
                        <Button kind="link" onClick={() => setFull([...full, p.name])}>
                          Show {p.rows.length - shown.length} more
                        </Button>
                      )}
                      {p.more > 0 && <span class="muted small"> {count(p.more, "row")} left out: too many for a page.</span>}
                    </td>
                  </tr>
                )}
              </tbody>
            );
          })}
        </table>
      </div>
    </Section>
  );
}

/** Job ids and the like differ in every run: of variables only some are shown at first. */
function first(part: Part): number {
  return part.name === "variables" ? 5 : 50;
}

function RecordRow({ row: r }: { row: Row }) {
  return (
    <tr>
      <th scope="row" class="key">
        {r.key}
      </th>
      {r.values.map((v, i) => (
        <td key={i} class={i > 0 && v !== r.values[0] ? "differs" : undefined}>
          {v === null ? <span class="muted" title="This side does not have it">–</span> : <span class="value">{v}</span>}
        </td>
      ))}
    </tr>
  );
}

function More({ shown, of, left, onMore }: { shown: number; of: number; left: number; onMore(): void }) {
  return (
    <Fragment>
      {of > shown && (
        <Button kind="link" onClick={onMore}>
          Show {Math.min(500, of - shown)} more of {of}
        </Button>
      )}
      {left > 0 && <p class="muted small">{count(left, "row")} left out: the comparison is too large for a page.</p>}
    </Fragment>
  );
}

/** What only two sides have: the files of their data and source. */
function Details({ source, comparison: c, pair }: { source: Source; comparison: Comparison; pair: Pair }) {
  const changed = pair.data.filter((d) => !d.same && d.files);
  const src = pair.source;
  return (
    <Fragment>
      {changed.map((d) => (
        <Section key={d.name} title={"Files of " + d.name} count={d.files!.length + d.more}>
          <div class="matrix" role="region" aria-label={"Files of " + d.name} tabIndex={0}>
            <table>
              <tbody>
                {d.files!.map((f) => (
                  <tr key={f.path}>
                    <td class={"change " + f.change}>{f.change}</td>
                    <th scope="row" class="key">
                      {f.from && f.from + " → "}
                      {f.path}
                    </th>
                    <td class="num right">{f.change !== "added" && formatBytes(f.bytes[0])}</td>
                    <td class="num right">{f.change !== "removed" && formatBytes(f.bytes[1])}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {d.more > 0 && <p class="muted small">{count(d.more, "more file")}: runs diff --all names them.</p>}
        </Section>
      ))}
      {src && src.files.length > 0 && (
        <Section title="Source files" count={src.files.length + src.more}>
          <div class="matrix" role="region" aria-label="Source files" tabIndex={0}>
            <table>
              <tbody>
                {src.files.map((f) => (
                  <tr key={f.path}>
                    <td class={"change " + f.change}>{f.change}</td>
                    <th scope="row" class="key">
                      {f.path}
                    </th>
                    <td class="num">
                      {f.added < 0 ? (
                        "binary"
                      ) : (
                        <Fragment>
                          <span class="better">+{f.added}</span> <span class="worse">−{f.removed}</span>
                        </Fragment>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {src.more > 0 && <p class="muted small">{count(src.more, "more file")}</p>}
          <PatchView source={source} sides={c.sides} />
        </Section>
      )}
    </Fragment>
  );
}

/** Says what does not differ, so that a missing section is not a question. */
function Equal({ comparison: c, all, text }: { comparison: Comparison; all: boolean; text: string }) {
  const shown = (rows: readonly { key: string; same: boolean }[]) => shownRows(rows, all, text).length > 0;
  const some = shown(c.metrics.rows) || c.parts.some((p) => shown(p.rows));
  const equal = c.parts.filter((p) => p.rows.every((r) => r.same)).map((p) => (partNames[p.name] ?? p.name).toLowerCase());
  if (all || text) return some ? <Fragment /> : <p class="muted">No key contains “{text}”.</p>;
  return (
    <p class="muted">
      {!some && "No differences. "}
      {equal.length > 0 && `Equal: ${equal.join(", ")}.`}
    </p>
  );
}
