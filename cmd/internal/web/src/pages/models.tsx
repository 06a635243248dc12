import { type ComponentChildren, Fragment, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Matrix } from "../compare/matrix";
import { useLoading } from "../loading";
import { type Place, placeLink, replaceParams } from "../location";
import { Bytes, Command, CopyButton, count, EmptyState, ErrorBox, Num, PageHead, Section, SearchField, shellLine, Status, Time, visible, Waiting } from "../parts";
import type { Source } from "../source";
import "./models.css";
import type { PageProps } from "./props";
import { Facts, LongText, matches, useFirst } from "./run-parts";

interface VersionName {
  number: number;
  id: string;
  gone?: boolean;
}

interface Named {
  kind: "stage" | "alias";
  name: string;
  versions: VersionName[];
  time: number;
  by: string;
  reason: string;
}

interface Fault {
  path: string;
  message: string;
}

interface Summary {
  name: string;
  note: string;
  versions: number;
  named: Named[];
  updated: number;
  damaged: number;
}

/** The answer models.json. */
interface List {
  models: Summary[];
  more: number;
  damaged: Fault[];
}

interface Version extends VersionName {
  doubled?: boolean;
  stage: string;
  aliases: string[];
  run: string;
  title: string;
  shown: boolean;
  status: string;
  path: string;
  bytes: number;
  files: number;
  sha256: string;
  flavors: string[];
  created: number;
  author: string;
  note: string;
  tags: Record<string, string>;
  metrics: Record<string, number | string>;
  more: number;
}

interface Change {
  kind: string;
  name: string;
  removed: boolean;
  time: number;
  by: string;
  reason: string;
  commit: string;
  versions: VersionName[];
  was: VersionName[];
  number?: number;
}

/** The answer model/NAME.json. */
interface Model extends Summary {
  author: string;
  created: number;
  tags: Record<string, string>;
  columns: string[];
  list: Version[];
  more_list: number;
  history: Change[];
  more_history: number;
  faults: Fault[];
  unknown?: string;
}

const again = 5_000;

/** A number that grows every five seconds while the page is in sight: the files of the registry are not watched. */
function useTurns(source: Source): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!source.live) return;
    const timer = setInterval(() => document.hidden || setTurn((n) => n + 1), again);
    return () => clearInterval(timer);
  }, [source]);
  return turn;
}

export function ModelsPage({ source, project, place }: PageProps) {
  const name = place.path[1];
  return name === undefined ? (
    <Models source={source} place={place} />
  ) : (
    <OneModel key={name} source={source} name={name} place={place} goals={project.goals} />
  );
}

function Models({ source, place }: { source: Source; place: Place }) {
  const turn = useTurns(source);
  const { value: list, error } = useLoading(() => source.json<List>("models.json"), [source, turn]);
  const find = place.params.get("model") ?? "";
  const [shown, more] = useFirst(
    (list?.models ?? []).filter((m) => matches(m.name + " " + m.note, find)),
    100,
  );
  return (
    <div class="models">
      <PageHead title="Models">
        {list && list.models.length > 12 && <SearchField label="Find a model" value={find} onInput={(model) => replaceParams({ model })} />}
      </PageHead>
      {error ? (
        <NoModels source={source} error={error} />
      ) : !list ? (
        <Waiting>Reading the models…</Waiting>
      ) : list.models.length + list.damaged.length === 0 ? (
        <EmptyState title="No models">
          <p>
            <code>runs model register RUN MODEL</code> registers what a run has made.
          </p>
        </EmptyState>
      ) : (
        <Fragment>
          <Command command="runs model ls" />
          <Faults list={list.damaged} />
          <Matrix label="Models" kind="packed" head={["Model", ">Versions", "Stages and aliases", "Updated", "Description"]}>
            <tbody>
              {shown.map((m) => (
                <tr key={m.name}>
                  <th scope="row">
                    <a href={placeLink(["models", m.name])}>{visible(m.name)}</a>
                    {m.damaged > 0 && <span class="run-tag bad">{count(m.damaged, "damaged file")}</span>}
                  </th>
                  <td class="num">{m.versions.toLocaleString("en-US")}</td>
                  <td>
                    <div class="model-names">
                      {m.named.map((n) => (
                        <NameTag key={n.kind + n.name} kind={n.kind} name={n.name} versions={n.versions} />
                      ))}
                    </div>
                  </td>
                  <td>{m.updated > 0 && <Time ms={m.updated} />}</td>
                  <td>
                    <div class="ellipsis model-note">{visible(m.note.split("\n", 1)[0])}</div>
                  </td>
                </tr>
              ))}
            </tbody>
          </Matrix>
          {more}
          {list.more > 0 && <p class="note">{count(list.more, "more model")}: runs model ls lists them.</p>}
        </Fragment>
      )}
    </div>
  );
}

/** Why there is nothing about models. An export has none if the project had none. */
function NoModels({ source, error }: { source: Source; error: Error }) {
  return source.live ? (
    <ErrorBox error={error} />
  ) : (
    <EmptyState title="Not in this export">
      <p>An export has the models whose runs it has.</p>
    </EmptyState>
  );
}

function Faults({ list }: { list: Fault[] }) {
  if (list.length === 0) return null;
  return (
    <ErrorBox
      error={count(list.length, "file") + " of the registry cannot be read: " + list.map((f) => visible(f.message)).join("; ")}
      hint={
        <Fragment>
          Run <code>runs model verify</code> for details.
        </Fragment>
      }
    />
  );
}

/** A stage or an alias, with the numbers of its versions. */
function NameTag({ kind, name, versions }: { kind: string; name: string; versions?: VersionName[] }) {
  return (
    <span class={"run-tag model-" + kind} title={kind === "stage" ? "Stage" : "Alias"}>
      {visible(name)}
      {versions && <Fragment> {numbers(versions) || "–"}</Fragment>}
    </span>
  );
}

function OneModel({ source, name, place, goals }: { source: Source; name: string; place: Place; goals: Record<string, string> }) {
  const turn = useTurns(source);
  const path = source.live ? encodeURIComponent(name) : name;
  const { value: m, error } = useLoading(() => source.json<Model>(`model/${path}.json`), [source, name, turn]);
  return (
    <div class="models">
      <PageHead title={visible(name)}>
        <a href={placeLink(["models"])}>All models</a>
      </PageHead>
      {error && !m ? <NoModels source={source} error={error} /> : !m ? <Waiting>Reading the model…</Waiting> : <Details model={m} place={place} goals={goals} />}
    </div>
  );
}

function Details({ model: m, place, goals }: { model: Model; place: Place; goals: Record<string, string> }) {
  return (
    <Fragment>
      <Command command={shellLine("runs", "model", "show", m.name, "--history")} />
      {m.note && (
        <p class="model-text">
          <LongText text={m.note} />
        </p>
      )}
      <Facts
        list={[
          ["created", m.created > 0 && <Time ms={m.created} />],
          ["by", m.author],
          ...Object.entries(m.tags).map(([key, value]) => [key, <LongText text={value} />] as const),
        ]}
      />
      <Faults list={m.faults} />
      <Versions model={m} place={place} goals={goals} />
      <Named list={m.named} />
      <History model={m} />
    </Fragment>
  );
}

/** The best value of each metric that has a goal, among the versions. */
function bestOf(list: Version[], columns: string[], goals: Record<string, string>): Record<string, number> {
  const best: Record<string, number> = {};
  for (const key of columns) {
    const goal = Object.hasOwn(goals, key) ? goals[key] : "";
    const values = list.map((v) => Number(v.metrics[key])).filter((n) => Number.isFinite(n));
    if (goal && values.length > 1) best[key] = values.reduce((a, b) => (goal === "min" ? Math.min(a, b) : Math.max(a, b)));
  }
  return best;
}

function Versions({ model: m, place, goals }: { model: Model; place: Place; goals: Record<string, string> }) {
  const [shown, more] = useFirst(m.list, 50);
  const open = place.params.get("version") ?? "";
  const best = bestOf(m.list, m.columns, goals);
  return (
    <Section title="Versions" count={m.versions}>
      {m.list.length === 0 ? (
        <p class="muted">The model has no versions.</p>
      ) : (
        <Fragment>
          <Matrix label="Versions" kind="packed" head={["Version", "Run", ...m.columns.map((c) => ">" + visible(c)), ">Size", "Created", "By"]}>
            <tbody>
              {shown.map((v) => (
                <Fragment key={v.id}>
                  <tr>
                    <th scope="row">
                      <button
                        type="button"
                        class="link"
                        aria-expanded={open === v.id}
                        title={"Details of version " + v.id}
                        onClick={() => replaceParams({ version: open === v.id ? "" : v.id })}
                      >
                        {v.doubled ? v.id : v.number}
                      </button>
                      <span class="model-names">
                        {v.stage && <NameTag kind="stage" name={v.stage} />}
                        {v.aliases.map((a) => (
                          <NameTag key={a} kind="alias" name={a} />
                        ))}
                      </span>
                    </th>
                    <td>
                      <RunLink version={v} />
                    </td>
                    {m.columns.map((key) => {
                      const value = v.metrics[key];
                      const num = value === undefined ? "–" : <Num value={Number(value)} />;
                      return (
                        <td key={key} class="num">
                          {value !== undefined && Number(value) === best[key] ? (
                            <b class="run-best" title={"The best of these versions"}>
                              {num}
                            </b>
                          ) : (
                            num
                          )}
                        </td>
                      );
                    })}
                    <td class="num">
                      <Bytes value={v.bytes} />
                    </td>
                    <td>{v.created > 0 && <Time ms={v.created} />}</td>
                    <td>{visible(v.author)}</td>
                  </tr>
                  {open === v.id && (
                    <tr class="model-details">
                      <td colSpan={m.columns.length + 5}>
                        <VersionDetails model={m} version={v} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              ))}
            </tbody>
          </Matrix>
          {more}
          {m.more_list > 0 && <p class="note">{count(m.more_list, "older version")}: runs model show lists them.</p>}
        </Fragment>
      )}
    </Section>
  );
}

function RunLink({ version: v }: { version: Version }) {
  if (!v.shown) return <span class="muted" title={v.run + " is not shown here"}>{v.run.split("-").at(-1)}</span>;
  return (
    <span class="model-run">
      <Status status={v.status} compact />
      <a href={placeLink(["run", v.run])} title={v.run}>
        {visible(v.title)}
      </a>
    </span>
  );
}

function VersionDetails({ model: m, version: v }: { model: Model; version: Version }) {
  const metrics = Object.entries(v.metrics);
  return (
    <div class="model-version">
      <Command command={shellLine("runs", "model", "load", `${m.name}@${v.id}`, "DIR")} />
      {v.note && (
        <p class="model-text">
          <LongText text={v.note} />
        </p>
      )}
      <Facts
        list={[
          ["selector", `${m.name}@${v.id}`],
          ["files", `${visible(v.path) || "all artifacts"}: ${count(v.files, "file")}`],
          ["flavors", v.flavors.map(visible).join(", ")],
          [
            "digest",
            <Fragment>
              <code title={v.sha256}>{v.sha256.slice(0, 12)}</code>
              <CopyButton text={v.sha256} label="Copy the digest" />
            </Fragment>,
          ],
          ...Object.entries(v.tags).map(([key, value]) => [key, <LongText text={value} />] as const),
        ]}
      />
      {metrics.length > 0 && (
        <Fragment>
          <h3>Metrics of its run</h3>
          <Facts list={metrics.map(([key, value]) => [key, <Num value={Number(value)} />] as const)} />
          {v.more > 0 && <p class="note">{count(v.more, "more metric")} on the page of the run</p>}
        </Fragment>
      )}
    </div>
  );
}

/** The stages and aliases: since when, by whom and why. */
function Named({ list }: { list: Named[] }) {
  if (list.length === 0) return null;
  return (
    <Section title="Stages and aliases" count={list.length}>
      <Matrix label="Stages and aliases" kind="packed" head={["Name", "Version", "Since", "By", "Reason"]}>
        <tbody>
          {list.map((n) => (
            <tr key={n.kind + n.name}>
              <th scope="row">
                <NameTag kind={n.kind} name={n.name} />
              </th>
              <td>{numbers(n.versions) || "none"}</td>
              <td>{n.time > 0 && <Time ms={n.time} />}</td>
              <td>{visible(n.by)}</td>
              <td class="model-reason">{visible(n.reason)}</td>
            </tr>
          ))}
        </tbody>
      </Matrix>
    </Section>
  );
}

const numbers = (versions: VersionName[]): string => versions.map((v) => (v.gone ? `${v.number} (gone)` : String(v.number))).join(", ");

/** What a change is, in a few words. */
function words(c: Change): ComponentChildren {
  const to = numbers(c.versions);
  const was = numbers(c.was);
  switch (c.kind) {
    case "version":
      return (c.removed ? "Removed version " : "Registered version ") + to;
    case "archived":
      return (c.removed ? "No longer archived: version " : "Archived version ") + to;
    case "note":
      if (c.number) return `Renumbered version ${c.versions[0]?.id ?? ""} as ${c.number}`;
      return to ? "Note on version " + to : "Note";
    case "model":
      return c.removed ? "Removed the model" : "Made the model";
  }
  const tag = <NameTag kind={c.kind} name={c.name} />;
  if (c.removed) return <Fragment>Removed {c.kind} {tag}</Fragment>;
  return (
    <Fragment>
      {tag} {was && was + " → "}
      {to || "none"}
    </Fragment>
  );
}

function History({ model: m }: { model: Model }) {
  const [shown, more] = useFirst(m.history, 50);
  return (
    <Section title="History" count={m.history.length + m.more_history}>
      {m.unknown && <ErrorBox error={m.unknown} />}
      {m.history.length > 0 && (
        <Matrix label="History" kind="packed" head={["When", "What", "By", "Commit", "Reason"]}>
          <tbody>
            {shown.map((c, i) => (
              <tr key={i}>
                <th scope="row">{c.time > 0 ? <Time ms={c.time} /> : "–"}</th>
                <td>{words(c)}</td>
                <td>{visible(c.by)}</td>
                <td>{c.commit ? <code>{c.commit}</code> : <span class="muted">not committed</span>}</td>
                <td class="model-reason">{visible(c.reason)}</td>
              </tr>
            ))}
          </tbody>
        </Matrix>
      )}
      {m.history.length > 0 && more}
      {m.more_history > 0 && <p class="note">{count(m.more_history, "older change")}: runs model show --history lists them.</p>}
    </Section>
  );
}
