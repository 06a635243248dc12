import { type ComponentChildren, Fragment, h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "./props";
import { useLoading } from "../loading";
import { useVersion } from "../live";
import { placeLink, replaceParams } from "../location";
import { mediaOf } from "../media/group";
import { MediaSection } from "../media/media";
import { Values } from "../media/values";
import { Bytes, Command, CopyButton, Duration, ErrorBox, Num, PageHead, Section, Status, Time, untilNow, useKeys, useNow, visible, Waiting } from "../parts";
import "./run.css";
import { ArtifactList } from "./run-artifacts";
import { RunCharts } from "./run-charts";
import { bestOf, commandLine, endOf, type Link, lives, type Run, shortID } from "./run-data";
import { LogView } from "./run-log";
import { Datasets, doubtsOf, Environment, Machine, type PartProps } from "./run-origin";
import { Facts, ms, Rows } from "./run-parts";
import { SourceView } from "./run-source";
import { MetricTable, NamedTable } from "./run-tables";
import type { Source } from "../source";
import { loadNames } from "../table/load";

/** Reads a run by a selector. An export knows ids, so a name or a short id is looked for in its table. */
async function readRun(source: Source, selector: string): Promise<Run> {
  const read = (id: string) => source.json<Run>(`run/${encodeURIComponent(id)}.json`);
  try {
    return await read(selector);
  } catch (error) {
    if (source.live) throw error;
    const { ids, names } = await loadNames(source);
    const short = selector.length >= 4 ? ids.find((id) => shortID(id).startsWith(selector)) : undefined;
    const id = ids.find((_, i) => names[i] === selector) ?? short;
    if (!id) throw error;
    return read(id);
  }
}

/** Everything about one run. */
export function RunPage({ source, project, place }: PageProps) {
  const selector = place.path[1] ?? "last";
  const shown = useRef("");
  const version = useVersion(source, (c) =>
    [c.added, c.changed, c.removed, c.points].some((ids) => ids?.some((id) => id === shown.current)),
  );
  const { value: run, error } = useLoading(
    () => readRun(source, selector),
    [source, version, selector],
  );
  shown.current = run?.id ?? selector;
  if (error && (!run || run.id !== selector)) {
    return (
      <Fragment>
        <PageHead title={"Run " + selector} />
        <ErrorBox error={error} />
        <p class="run-sub">
          <a href={placeLink(["runs"])}>All runs</a>
        </p>
      </Fragment>
    );
  }
  if (!run) return <Waiting>Reading the run…</Waiting>;
  if (run.damaged) return <DamagedRun run={run} />;
  return (
    <Fragment>
      {error && (
        <p class="run-doubt" role="status">
          What follows may be out of date: {error.message}
        </p>
      )}
      <WholeRun key={run.id} run={run} source={source} project={project} place={place} version={version} />
    </Fragment>
  );
}

interface Part {
  id: string;
  title: string;
  count?: number;
  open?: boolean;
  body: () => ComponentChildren;
}

function WholeRun({ run, source, project, place, version }: PageProps & { run: Run; version: number }) {
  const record = run.record!;
  const short = shortID(run.id);
  const media = useMemo(() => mediaOf(run.artifacts?.list ?? []), [run.artifacts]);
  const parts: (Part | false | null | undefined | 0)[] = [
    { id: "overview", title: "Overview", body: () => <Overview run={run} /> },
    run.metrics.length > 0 && {
      id: "metrics",
      title: "Metrics",
      count: run.metrics.length,
      body: () => <MetricTable run={run} primary={project.primary} place={place} />,
    },
    run.metrics.some((m) => m.count > 1 && !m.hidden) && {
      id: "charts",
      title: "Charts",
      body: () => <RunCharts run={run} source={source} place={place} />,
    },
    run.params.length > 0 && {
      id: "params",
      title: "Params",
      count: run.params.length,
      body: () => <NamedTable what="params" list={run.params} place={place} />,
    },
    run.summary.length > 0 && {
      id: "summary",
      title: "Summary",
      count: run.summary.length,
      body: () => <NamedTable what="summary" list={run.summary} place={place} />,
    },
    media.length > 0 && {
      id: "media",
      title: "Media",
      count: media.length,
      body: () => <MediaSection run={run} media={media} source={source} place={place} />,
    },
    run.values && { id: "values", title: "Values", body: () => <Values run={run} source={source} place={place} /> },
    (record.datasets || doubtsOf(record.trace).length > 0) && {
      id: "data",
      title: "Data",
      count: record.datasets?.length,
      body: () => <Datasets run={run} source={source} />,
    },
    run.source && { id: "source", title: "Source", body: () => <SourceView run={run} source={source} /> },
    record.environment && {
      id: "environment",
      title: "Environment",
      count: run.packages || undefined,
      body: () => <Environment run={run} source={source} />,
    },
    run.artifacts && run.artifacts.total > 0 && {
      id: "artifacts",
      title: "Artifacts",
      count: run.artifacts.total,
      body: () => <ArtifactList run={run} source={source} />,
    },
    run.log && { id: "log", title: "Log", body: () => <LogView run={run} source={source} place={place} /> },
    (record.machine || run.system) && { id: "machine", title: "Machine", body: () => <Machine run={run} source={source} /> },
    (run.chain.length > 0 || run.links.length > 0) && {
      id: "related",
      title: "Related runs",
      count: run.chain.length + run.links.length,
      body: () => <Related run={run} source={source} />,
    },
    run.unknown.length > 0 && {
      id: "unknown",
      title: "Unknown keys",
      count: run.unknown.length,
      body: () => <NamedTable what="unknown keys" list={run.unknown} place={place} />,
    },
    { id: "shell", title: "In a shell", body: () => <Shell id={short} /> },
  ];
  const there = parts.filter((p): p is Part => !!p);
  useSection(place.params.get("section"));
  return (
    <Fragment>
      <RunHead run={run} primary={project.primary} />
      {run.doubts.map((d) => (
        <p key={d} class="run-doubt" role="note">
          Not all of this run could be read: {visible(d)}
        </p>
      ))}
      <div class="run-body">
        <Index parts={there} />
        <div class="run-parts">
          {there.map((p) => (
            <Section key={p.id} id={"run-" + p.id} title={p.title} count={p.count} open={p.open}>
              {p.body()}
            </Section>
          ))}
        </div>
      </div>
    </Fragment>
  );
}

const settled = 4000; // ms after which sections no longer grow by what they load

/** Shows the section that the address names, also while those above it still load, until the reader does something. */
function useSection(name: string | null) {
  useEffect(() => {
    const section = name && document.getElementById("run-" + name);
    if (!section) return;
    const sizes = new ResizeObserver(() => section.scrollIntoView());
    sizes.observe(section.parentElement!);
    const stop = () => sizes.disconnect();
    const timer = setTimeout(stop, settled);
    const events = ["wheel", "pointerdown", "keydown", "touchstart"];
    for (const e of events) addEventListener(e, stop, { passive: true });
    return () => {
      stop();
      clearTimeout(timer);
      for (const e of events) removeEventListener(e, stop);
    };
  }, []);
}

/** Leads to the sections, and marks the one in view. */
function Index({ parts }: { parts: Part[] }) {
  const [current, setCurrent] = useState(parts[0].id);
  const ids = parts.map((p) => p.id).join();
  useEffect(() => {
    const look = () => {
      let last = parts[0].id;
      for (const p of parts) {
        const top = document.getElementById("run-" + p.id)?.getBoundingClientRect().top;
        if (top !== undefined && top < 140) last = p.id;
      }
      if (innerHeight + scrollY >= document.documentElement.scrollHeight - 4) last = parts[parts.length - 1].id;
      setCurrent(last);
    };
    look();
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, [ids]);
  const go = (id: string) => {
    const section = document.getElementById("run-" + id) as HTMLDetailsElement;
    section.open = true;
    section.scrollIntoView();
    section.querySelector("summary")!.focus({ preventScroll: true });
    setCurrent(id);
    replaceParams({ section: id });
  };
  const step = (by: number) => go((parts[parts.findIndex((p) => p.id === current) + by] ?? parts[0]).id);
  useKeys("Run", { "[": ["the section before", () => step(-1)], "]": ["the next section", () => step(1)] });
  return (
    <nav class="run-index" aria-label="Sections of the run">
      {parts.map((p) => (
        <button key={p.id} type="button" class="quiet" aria-current={p.id === current ? "true" : undefined} onClick={() => go(p.id)}>
          {p.title}
        </button>
      ))}
    </nav>
  );
}

function RunHead({ run, primary }: { run: Run; primary: string }) {
  const r = run.record!;
  const now = useNow();
  const metric = run.metrics.find((m) => m.name === primary);
  const best = metric && bestOf(metric);
  return (
    <Fragment>
      <PageHead title={visible(run.title)}>
        <a class="button" href={placeLink(["compare"], new URLSearchParams({ runs: run.id }))}>
          Compare
        </a>
      </PageHead>
      <Facts
        list={[
          [
            "Status",
            <Fragment>
              <Status status={r.status} /> <span class="muted">{visible(endOf(r) || (run.live ? lives[run.live.life][0] : ""))}</span>
            </Fragment>,
          ],
          best && [
            (metric.goal ? "Best " : "Last ") + metric.name,
            <Fragment>
              <b>
                <Num value={best.value} />
              </b>
              {best.step !== undefined && <span class="muted">at step {best.step}</span>}
            </Fragment>,
          ],
          ["Started", <Time ms={ms(r.started)} />],
          [r.ended ? "Took" : "Running for", <Duration ms={(r.ended ? ms(r.ended) : untilNow(now)) - ms(r.started)} />],
          ["Author", r.author],
          ["Experiment", r.experiment],
          ["Group", r.group],
          ["Key", r.key],
          [
            "Id",
            <Fragment>
              <code>{run.id}</code>
              <CopyButton text={run.id} label="Copy the id" />
            </Fragment>,
          ],
        ]}
      />
    </Fragment>
  );
}

function Overview({ run }: { run: Run }) {
  const r = run.record!;
  const short = shortID(run.id);
  return (
    <Fragment>
      {run.live && (
        <p>
          {lives[run.live.life][1]} Last sign of it: <Time ms={ms(run.live.silent)} />.
        </p>
      )}
      {r.note && <p class="run-note">{visible(r.note)}</p>}
      {r.tags && (
        <p aria-label="Tags">
          {Object.entries(r.tags).map(([key, value]) => (
            <span key={key} class="run-tag">
              {key}
              {value !== "yes" && <b> {value}</b>}
            </span>
          ))}
        </p>
      )}
      <dl class="run-pairs">
        {[
          r.command && ["Command", visible(commandLine(r.command))],
          r.command && r.source?.tree && ["Repeat it", "runs reproduce " + short],
          r.source?.tree && ["Restore its source", `runs checkout ${short} ../${short}`],
        ].map(
          (c) =>
            c && (
              <div key={c[0]}>
                <dt>{c[0]}</dt>
                <dd>
                  <Command command={c[1]} label={c[0]} />
                </dd>
              </div>
            ),
        )}
      </dl>
      {r.cwd && <p class="muted">The command ran in {visible(r.cwd)}.</p>}
      {run.parts > 1 && <p class="muted">{run.parts} runs of a chain are read as one.</p>}
      {r.redacted?.map((x) => (
        <p key={x.time} class="muted">
          A secret was redacted from {x.files.join(", ")} (<Time ms={ms(x.time)} />).
        </p>
      ))}
      {run.notes.length > 0 && <Notes run={run} />}
      {r.files && (
        <details>
          <summary>Files of the record ({Object.keys(r.files).length})</summary>
          <Rows
            fit
            head={["File", "#Size", "#Rows", "SHA-256"]}
            rows={Object.entries(r.files).map(([name, f]) => [
              name,
              <Bytes value={f.bytes} />,
              f.rows?.toLocaleString("en-US"),
              <code>{f.sha256.slice(0, 12)}</code>,
            ])}
          />
        </details>
      )}
    </Fragment>
  );
}

/** What people said about the run, newest first. */
function Notes({ run }: { run: Run }) {
  return (
    <details>
      <summary>History of notes ({run.notes.length})</summary>
      <ol>
        {[...run.notes].reverse().map((n) => (
          <li key={n.time}>
            <Time ms={ms(n.time)} absolute /> <span class="muted">{visible(n.author)}</span>
            <p class="run-note">
              {visible(
                [
                  n.name && "Name: " + n.name,
                  n.note,
                  n.tags && "Tags: " + Object.entries(n.tags).map(([k, v]) => (v === "yes" ? k : `${k}=${v}`)).join(", "),
                  n.removed?.length && "Removed tags: " + n.removed.join(", "),
                ]
                  .filter(Boolean)
                  .join("\n"),
              )}
            </p>
          </li>
        ))}
      </ol>
    </details>
  );
}

const relations: Record<string, string> = { part: "part of the chain", reproduced: "reproduced by" };

function Related({ run, source }: PartProps) {
  const row = (l: Link) => [
    relations[l.relation] ?? l.relation,
    l.id === run.id ? <b>{visible(l.title)} (this run)</b> : l.status ? <a href={placeLink(["run", l.id])}>{visible(l.title)}</a> : l.id,
    l.status ? <Status status={l.status} /> : source.live ? "not in this clone" : "not in this export",
    l.started && <Time ms={ms(l.started)} />,
  ];
  return <Rows fit head={["Relation", "Run", "Status", "Started"]} rows={[...run.chain, ...run.links].map(row)} />;
}

function Shell({ id }: { id: string }) {
  return (
    <div class="bar">
      {[`runs show ${id}`, `runs metrics ${id} --csv`, `runs artifacts ${id}`, `runs verify ${id}`].map((command) => (
        <Command key={command} command={command} />
      ))}
    </div>
  );
}

/** A run whose record cannot be read: why, and what is left of it. */
function DamagedRun({ run }: { run: Run }) {
  const d = run.damaged!;
  return (
    <Fragment>
      <PageHead title={"Run " + run.title} />
      <ErrorBox error={"This run is damaged: " + visible(d.message)} hint={<Command command={"runs verify " + run.id} />} />
      <Section title="Files in its folder" count={d.files.length}>
        <Rows fit head={["", "#"]} rows={d.files.map((f) => [f.name, <Bytes value={f.bytes} />])} />
      </Section>
      {d.record && (
        <Section title="Its run.toml, unchecked">
          <pre class="run-text" tabIndex={0}>
            {visible(d.record)}
          </pre>
        </Section>
      )}
    </Fragment>
  );
}
