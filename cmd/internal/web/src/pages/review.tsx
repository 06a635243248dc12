import { Fragment, h } from "preact";
import { useId, useState } from "preact/hooks";
import type { PageProps } from "../app";
import type { Side } from "../compare/api";
import { ComparisonView, VerdictMark } from "../compare/result";
import { writeSides } from "../compare/sides";
import { useLoading } from "../loading";
import { placeLink, replaceParams } from "../location";
import { Button, Command, count, EmptyState, ErrorBox, Icon, PageHead, Section, Waiting } from "../parts";
import type { Check, Group, Review } from "../review/api";
import { ReviewCurves } from "../review/curves";
import type { Source } from "../source";
import "./review.css";

export function ReviewPage({ source, place }: PageProps) {
  const { params } = place;
  const asked = Object.fromEntries(
    ["base", "baseline", "metric", "check"].map((k) => [k, params.get(k) ?? ""]).filter(([, v]) => v !== ""),
  );
  const key = JSON.stringify(asked);
  const [again, setAgain] = useState(0);
  const { value: loaded, error } = useLoading(
    async () => ({ key, review: await source.json<Review>("review.json", source.live ? asked : undefined) }),
    [source, source.live ? key : "", again],
  );
  const review = loaded?.review;
  return (
    <div class="review">
      <PageHead title="Review">
        {source.live && <BaseForm base={params.get("base") ?? ""} review={review} />}
        {source.live && (
          <Button icon="reset" onClick={() => setAgain(again + 1)}>
            Review again
          </Button>
        )}
      </PageHead>
      {error && !source.live ? (
        <EmptyState title="This export holds no review">
          <p>
            <code>runs review BASE --html FILE</code> writes a page with one.
          </p>
        </EmptyState>
      ) : error ? (
        <ErrorBox error={error} onRetry={() => setAgain(again + 1)} />
      ) : !review ? (
        <Waiting>Comparing the branch with its base…</Waiting>
      ) : (
        <div aria-busy={source.live && loaded?.key !== key}>
          <Command command={review.command} />
          <Report source={source} review={review} params={params} asked={params.get("check") ?? ""} />
        </div>
      )}
    </div>
  );
}

/** Chooses the branch or commit to compare with. */
function BaseForm({ base, review }: { base: string; review?: Review }) {
  const id = useId();
  return (
    <form
      class="base-form"
      onSubmit={(e) => {
        e.preventDefault();
        replaceParams({ base: new FormData(e.currentTarget).get("base")!.toString().trim() });
      }}
    >
      <label for={id}>Base</label>
      <input
        key={base}
        id={id}
        name="base"
        list={id + "-list"}
        defaultValue={base}
        placeholder={review?.base || "the remote's default branch"}
        autocomplete="off"
        spellcheck={false}
      />
      <datalist id={id + "-list"}>
        {review?.bases.map((b) => (
          <option key={b} value={b} />
        ))}
      </datalist>
      <Button type="submit">Compare</Button>
    </form>
  );
}

interface ReportProps {
  source: Source;
  review: Review;
  params: URLSearchParams;
  asked: string;
}

function Report({ source, review: r, params, asked }: ReportProps) {
  const rules = <Rules check={r.check} live={source.live} asked={asked} />;
  if (r.problem) {
    return (
      <Fragment>
        <ErrorBox error={r.problem.message} hint={r.problem.hint && sentence(r.problem.hint)} />
        {source.live && r.bases.length > 0 && !params.get("base") && (
          <p class="review-bases">
            Compare with a branch:{" "}
            {r.bases.map((b) => (
              <Button key={b} kind="link" onClick={() => replaceParams({ base: b })}>
                {b}
              </Button>
            ))}
          </p>
        )}
        {rules}
      </Fragment>
    );
  }
  return (
    <Fragment>
      <p class={"review-headline " + (r.verdict || "none")}>
        {r.groups[0]?.compared && <VerdictMark verdict={r.groups[0].compared} />} {r.headline}
      </p>
      <p class="muted">
        The runs that this branch adds, compared with the best of <strong>{r.base}</strong> by {r.metric}
        {r.goal && (r.goal === "min" ? ", where less is better" : ", where more is better")}.
      </p>
      {r.groups.length === 0 && (
        <EmptyState title={"No run of this branch has " + r.metric}>
          <p>
            Record one with <code>runs exec -- COMMAND</code>, and commit it with <code>runs commit</code>. A run counts
            once it has finished with a value of {r.metric}.
          </p>
        </EmptyState>
      )}
      <Findings review={r} />
      {rules}
      {r.groups.length > 0 && <Groups review={r} />}
      {r.curves.length > 0 && (
        <Section title={"Curves of " + r.metric}>
          <ReviewCurves curves={r.curves} metric={r.metric} />
        </Section>
      )}
      {r.changes && (
        <Section title="What changed from the baseline to the best">
          <ComparisonView source={source} comparison={r.changes} params={params} />
        </Section>
      )}
    </Fragment>
  );
}

/** A link to a run, if the page shows it. The runs of another branch are only named. */
function RunLink({ side, title }: { side: Side; title?: string }) {
  const text = title ?? side.title;
  if (!side.runs[0]?.shown) return <span title={side.id}>{text}</span>;
  return <a href={placeLink(["run", side.id])}>{text}</a>;
}

function Groups({ review: r }: { review: Review }) {
  const link = (g: Group) => {
    const with_ = g.runs.length > 1 ? [] : [g.id];
    const sides = r.changes && with_.length ? [r.changes.sides[0].selector, ...with_] : [];
    return sides.length ? placeLink(["compare"], new URLSearchParams({ runs: writeSides(sides) })) : "";
  };
  return (
    <Section title="Runs of the branch" count={r.groups.length + r.more}>
      <div class="matrix packed" role="region" aria-label="Runs of the branch" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col" class="right">
                {r.metric}
              </th>
              <th scope="col" class="right">
                Change
              </th>
              <th scope="col">Verdict</th>
              <th scope="col">
                <span class="hidden">Compare</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {r.baseline && (
              <tr class="muted">
                <th scope="row">
                  <RunLink side={r.baseline} title={r.baseline.runs[0]?.name || r.baseline.id} />
                  <span class="muted"> baseline</span>
                  <Replicates side={r.baseline} />
                </th>
                <td class="num right">{r.value}</td>
                <td />
                <td />
                <td />
              </tr>
            )}
            {r.groups.map((g) => (
              <tr key={g.id}>
                <th scope="row">
                  <RunLink side={g} />
                  <Replicates side={g} />
                </th>
                <td class="num right" title={g.lost_runs && "Not counted: " + g.lost_runs}>
                  {g.value}
                </td>
                <td class="num right">
                  {g.compared?.delta} <span class="muted">{g.compared?.relative}</span>
                </td>
                <td>
                  {g.compared && (
                    <span class={"verdict " + g.compared.verdict}>
                      <VerdictMark verdict={g.compared} /> {g.compared.text}
                    </span>
                  )}
                </td>
                <td class="right">{link(g) && <a href={link(g)}>Compare</a>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {r.more > 0 && <p class="muted small">{count(r.more, "more group")}: runs review lists them.</p>}
    </Section>
  );
}

/** The other runs of a group: those that differ only in their seed. */
function Replicates({ side }: { side: Side }) {
  if (side.runs.length < 2) return <Fragment />;
  return (
    <details class="replicates">
      <summary>{count(side.count, "run")}</summary>
      <ul>
        {side.runs.map((run) => (
          <li key={run.id}>
            {run.shown ? <a href={placeLink(["run", run.id])}>{run.name || run.id}</a> : run.name || run.id}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Findings({ review: r }: { review: Review }) {
  if (r.findings.length === 0) return <Fragment />;
  return (
    <Section title="What a reviewer must know" count={r.findings.length + r.unnamed}>
      <ul class="findings">
        {r.findings.map((f, i) => (
          <li key={i}>
            <Icon name="warning" size={14} />
            <span>{f}</span>
          </li>
        ))}
      </ul>
      {r.unnamed > 0 && <p class="muted small">{count(r.unnamed, "more finding")}</p>}
    </Section>
  );
}

/** The rules of config.toml, and whether they hold. */
function Rules({ check: c, live, asked }: { check: Check; live: boolean; asked: string }) {
  const id = useId();
  const failed = c.outcomes.filter((o) => !o.ok).length;
  return (
    <Section title="Rules" count={c.outcomes.length}>
      {c.rules === 0 ? (
        <p class="muted">
          The project has no rules. A <code>[[check]]</code> in .runs/config.toml makes one, and <code>runs check</code>{" "}
          prints whether it holds.
        </p>
      ) : (
        <Fragment>
          <div class="rules-head">
            <Command command={c.command} />
            {live && (
              <form
                class="base-form"
                onSubmit={(e) => {
                  e.preventDefault();
                  replaceParams({ check: new FormData(e.currentTarget).get("check")!.toString().trim() });
                }}
              >
                <label for={id} class="muted">
                  Checked run or group
                </label>
                <input key={asked} id={id} name="check" defaultValue={asked} placeholder="the newest finished run" autocomplete="off" />
                <Button type="submit">Check</Button>
              </form>
            )}
          </div>
          {c.problem ? (
            <ErrorBox error={c.problem.message} hint={c.problem.hint && sentence(c.problem.hint)} />
          ) : (
            <Fragment>
              <p>
                {failed === 0 ? "All rules hold for " : `${count(failed, "rule")} of ${c.outcomes.length} not met by `}
                {c.shown ? <a href={placeLink(["run", c.id])}>{c.title}</a> : <strong>{c.title}</strong>}.
              </p>
              <ul class="rules">
                {c.outcomes.map((o, i) => (
                  <li key={i} class={o.ok ? "ok" : "not-met"}>
                    <Icon name={o.ok ? "check" : "close"} size={14} />
                    <span class="rule-word">{o.ok ? "ok" : "failed"}</span>
                    <strong>{o.rule}</strong>
                    <span>{o.message}</span>
                  </li>
                ))}
              </ul>
            </Fragment>
          )}
        </Fragment>
      )}
    </Section>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
