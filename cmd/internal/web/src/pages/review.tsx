import { type ComponentChildren, Fragment, h } from "preact";
import { useId, useState } from "preact/hooks";
import type { PageProps } from "./props";
import type { Problem, Side } from "../compare/api";
import { Matrix } from "../compare/matrix";
import { ComparisonView, SideName, VerdictText } from "../compare/result";
import { writeSides } from "../compare/sides";
import { ofRuns, useVersion } from "../live";
import { useLoading } from "../loading";
import { placeLink, replaceParams } from "../location";
import { Button, Command, count, EmptyState, ErrorBox, Icon, PageHead, Section, upperFirst, visible, Waiting } from "../parts";
import type { Check, Group, Review } from "../review/api";
import { ReviewCurves } from "../review/curves";
import type { Source } from "../source";
import "./review.css";

const asked = ["base", "baseline", "metric", "check"];

export function ReviewPage({ source, place }: PageProps) {
  const { params } = place;
  const question = Object.fromEntries(asked.map((k) => [k, params.get(k) ?? ""]).filter(([, v]) => v !== ""));
  const key = source.live ? JSON.stringify(question) : "";
  const [again, setAgain] = useState(0);
  const version = useVersion(source, ofRuns);
  const { value: loaded, error } = useLoading(
    async () => ({ key, version, review: await source.json<Review>("review.json", source.live ? question : undefined) }),
    [source, key, again],
  );
  const r = loaded?.review;
  return (
    <div class="review">
      <PageHead title="Review">
        {source.live && (
          <Fragment>
            <Ask name="base" label="Base" value={question.base} placeholder={r?.base || "the remote's default branch"} options={r?.bases} />
            <Ask name="metric" label="Metric" value={question.metric} placeholder={r?.metric || "the primary metric"} />
            <Button icon="reset" onClick={() => setAgain(again + 1)}>
              {loaded && loaded.version !== version && "Runs have changed: "}Review again
            </Button>
          </Fragment>
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
      ) : !r ? (
        <Waiting>Comparing the branch with its base…</Waiting>
      ) : (
        <div aria-busy={loaded?.key !== key}>
          <Command command={r.command} />
          <Report source={source} review={r} params={params}>
            <Rules check={r.check} ask={source.live && <Ask name="check" label="Run or group" value={question.check} placeholder="the newest finished run" />} />
          </Report>
        </div>
      )}
    </div>
  );
}

/** A field for a parameter of the place. */
function Ask(props: { name: string; label: string; value?: string; placeholder: string; options?: readonly string[] }) {
  const id = useId();
  const value = props.value ?? "";
  return (
    <form
      class="bar ask"
      onSubmit={(e) => {
        e.preventDefault();
        replaceParams({ [props.name]: e.currentTarget.querySelector("input")!.value.trim() });
      }}
    >
      <label for={id}>{props.label}</label>
      <input key={value} id={id} list={id + "-list"} defaultValue={value} placeholder={props.placeholder} autocomplete="off" spellcheck={false} />
      <datalist id={id + "-list"}>
        {props.options?.map((o) => (
          <option key={o} value={o} />
        ))}
      </datalist>
      <Button type="submit">Apply</Button>
    </form>
  );
}

function ProblemBox({ problem: p }: { problem: Problem }) {
  return <ErrorBox error={p.message} hint={p.hint && upperFirst(p.hint) + "."} />;
}

interface ReportProps {
  source: Source;
  review: Review;
  params: URLSearchParams;
  /** The rules. */
  children: ComponentChildren;
}

function Report({ source, review: r, params, children }: ReportProps) {
  if (r.problem) {
    return (
      <Fragment>
        <ProblemBox problem={r.problem} />
        {source.live && !params.get("base") && (
          <p class="bar">
            Compare with:
            {r.bases.map((b) => (
              <Button key={b} kind="link" onClick={() => replaceParams({ base: b })}>
                {b}
              </Button>
            ))}
          </p>
        )}
        {children}
      </Fragment>
    );
  }
  const best = r.groups[0]?.compared;
  return (
    <Fragment>
      <p class={"review-headline " + r.verdict}>
        {best && <VerdictText verdict={{ ...best, text: visible(r.headline) }} />}
        {!best && visible(r.headline)}
      </p>
      <p class="muted">
        The runs that this branch adds, compared with the best of <strong>{r.base}</strong> by {visible(r.metric)}
        {r.goal === "min" ? ", where less is better" : ", where more is better"}.
      </p>
      {r.groups.length === 0 && (
        <EmptyState title={"No run of this branch has " + visible(r.metric)}>
          <p>
            Record one with <code>runs exec -- COMMAND</code>. A run counts once it has finished.
          </p>
        </EmptyState>
      )}
      {r.findings.length > 0 && (
        <Section title="What a reviewer must know" count={r.findings.length + r.unnamed}>
          <ul class="findings">
            {r.findings.map((f, i) => (
              <li key={i}>
                <Icon name="warning" size={14} />
                {visible(f)}
              </li>
            ))}
          </ul>
          {r.unnamed > 0 && <p class="note">{count(r.unnamed, "more finding")}</p>}
        </Section>
      )}
      {children}
      {r.groups.length > 0 && <Groups review={r} />}
      {r.curves.length > 0 && (
        <Section title={"Curves of " + visible(r.metric)}>
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

function Groups({ review: r }: { review: Review }) {
  const side = r.changes?.sides[0];
  const base = side?.runs[0]?.shown ? side.id : side?.selector; // an export knows ids alone
  return (
    <Section title="Runs of the branch" count={r.groups.length + r.more}>
      <Matrix label="Runs of the branch" kind="packed" head={["Run", ">" + visible(r.metric), ">Change", "Verdict", ".Compare"]}>
        <tbody>
          {r.baseline && (
            <tr>
              <GroupName side={r.baseline} after=" baseline" />
              <td class="num muted">{r.value}</td>
              <td colSpan={3} />
            </tr>
          )}
          {r.groups.map((g) => (
            <GroupRow key={g.id} group={g} base={base} />
          ))}
        </tbody>
      </Matrix>
      {r.more > 0 && <p class="note">{count(r.more, "more group")}: runs review lists them.</p>}
    </Section>
  );
}

function GroupRow({ group: g, base }: { group: Group; base?: string }) {
  return (
    <tr>
      <GroupName side={g} />
      <td class="num" title={g.lost_runs && "Not counted: " + g.lost_runs}>
        {g.value}
      </td>
      <td class="num">
        {g.compared?.delta} <span class="muted">{g.compared?.relative}</span>
      </td>
      <td>{g.compared && <VerdictText verdict={g.compared} />}</td>
      <td>
        {base && <a href={placeLink(["compare"], new URLSearchParams({ runs: writeSides([base, g.id]) }))}>Compare{g.count > 1 && " the newest"}</a>}
      </td>
    </tr>
  );
}

/** The newest run of a group, and behind it those that differ only in their seed. */
function GroupName({ side, after }: { side: Side; after?: string }) {
  return (
    <th scope="row">
      <SideName side={{ ...side, group: false }} title={side.runs[0]?.name || side.id} />
      {after && <span class="muted">{after}</span>}
      {side.runs.length > 1 && (
        <details class="note">
          <summary>{count(side.count, "run")}</summary>
          {side.runs.map((run) => (
            <div key={run.id}>
              <SideName side={{ ...side, group: false, id: run.id, runs: [run] }} title={run.name || run.id} />
            </div>
          ))}
        </details>
      )}
    </th>
  );
}

/** The rules of config.toml, and whether they hold. */
function Rules({ check: c, ask }: { check: Check; ask: ComponentChildren }) {
  const failed = c.outcomes.filter((o) => !o.ok).length;
  return (
    <Section title="Rules" count={c.outcomes.length}>
      {c.rules === 0 ? (
        <p class="muted">
          The project has no rules: a <code>[[check]]</code> in .runs/config.toml makes one.
        </p>
      ) : (
        <Fragment>
          <div class="bar">
            <Command command={c.command} />
            {ask}
          </div>
          {c.problem ? (
            <ProblemBox problem={c.problem} />
          ) : (
            <Fragment>
              <p>
                {failed === 0 ? "All rules hold for " : `${failed} of ${count(c.outcomes.length, "rule")} not met by `}
                {c.shown ? <a href={placeLink(["run", c.id])}>{visible(c.title)}</a> : <strong>{visible(c.title)}</strong>}.
              </p>
              <ul class="findings">
                {c.outcomes.map((o, i) => (
                  <li key={i} class={o.ok ? "ok" : "failed"}>
                    <Icon name={o.ok ? "check" : "close"} size={14} />
                    <b>{o.ok ? "ok" : "failed"}</b>
                    <strong>{visible(o.rule)}</strong>
                    {visible(o.message)}
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
