import { type ComponentChildren, Fragment, h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "../app";
import { useLoading } from "../loading";
import { useVersion } from "../live";
import { placeLink, replaceParams } from "../location";
import { mediaOf } from "../media/group";
import { MediaSection } from "../media/media";
import { Values } from "../media/values";
import { Bytes, Command, CopyButton, Duration, ErrorBox, Num, PageHead, Section, Status, Time, useNow, Waiting } from "../parts";
import "./run.css";
import { bestOf, commandLine, endOf, lifeOf, type Link, type Run, shortID, visible } from "./run-data";
import { ArtifactList } from "./run-artifacts";
import { LogView } from "./run-log";
import { RunCharts } from "./run-charts";
import { Machine } from "./run-machine";
import { Datasets, Environment } from "./run-origin";
import { SourceView } from "./run-source";
import { MetricTable, NamedTable } from "./run-tables";

/** Everything about one run. */
export function RunPage({ source, project, place }: PageProps) {
  const selector = place.path[1] ?? "last";
  const shown = useRef("");
  const version = useVersion(source, (c) =>
    [c.added, c.changed, c.removed, c.points].some((ids) => ids?.some((id) => id === shown.current)),
  );
  const { value: run, error } = useLoading(
    () => source.json<Run>(`run/${encodeURIComponent(selector)}.json`),
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
  return <WholeRun key={run.id} run={run} source={source} project={project} place={place} version={version} />;
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
      body: () => <NamedTable what="params" list={run.params} place={place} tree />,
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
    record.datasets && {
      id: "data",
      title: "Data",
      count: record.datasets.length,
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
      body: () => <Related run={run} />,
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
  return (
    <nav class="run-index" aria-label="Sections of the run">
      {parts.map((p) => (
        <button
          key={p.id}
          type="button"
          class="quiet"
          aria-current={p.id === current ? "true" : undefined}
          onClick={() => {
            const section = document.getElementById("run-" + p.id) as HTMLDetailsElement;
            section.open = true;
            section.scrollIntoView();
            section.querySelector("summary")!.focus({ preventScroll: true });
            replaceParams({ section: p.id });
          }}
        >
          {p.title}
        </button>
      ))}
    </nav>
  );
}

function RunHead({ run, primary }: { run: Run; primary: string }) {
  const r = run.record!;
  const now = useNow();
  const started = Date.parse(r.started);
  const metric = run.metrics.find((m) => m.name === primary);
  const best = metric && bestOf(metric);
  return (
    <Fragment>
      <PageHead title={visible(run.title)}>
        <a class="button" href={placeLink(["compare"], new URLSearchParams({ runs: run.id }))}>
          Compare
        </a>
      </PageHead>
      <dl class="run-facts">
        <Fact name="Status">
          <Status status={r.status} />
          {endOf(r) && <span class="muted"> {visible(endOf(r))}</span>}
        </Fact>
        {metric && best && (
          <Fact name={(metric.goal ? "Best " : "Last ") + metric.name}>
            <b>
              <Num value={best.value} />
            </b>
            {best.step !== undefined && <span class="muted"> at step {best.step}</span>}
          </Fact>
        )}
        <Fact name="Started">
          <Time ms={started} />
        </Fact>
        <Fact name={r.ended ? "Took" : "Running for"}>
          <Duration ms={(r.ended ? Date.parse(r.ended) : now) - started} />
        </Fact>
        {r.author && <Fact name="Author">{visible(r.author)}</Fact>}
        {r.experiment && <Fact name="Experiment">{r.experiment}</Fact>}
        <Fact name="Id">
          <code>{run.id}</code>
          <CopyButton text={run.id} label="Copy the id" />
        </Fact>
      </dl>
    </Fragment>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Overview({ run }: { run: Run }) {
  const r = run.record!;
  const short = shortID(run.id);
  return (
    <Fragment>
      {run.live && (
        <p class="run-live">
          {lifeOf(run.live.life)} Last sign of it: <Time ms={Date.parse(run.live.silent)} />.
        </p>
      )}
      {r.note && <p class="run-note">{visible(r.note)}</p>}
      {r.tags && (
        <p class="run-tags" aria-label="Tags">
          {Object.entries(r.tags).map(([key, value]) => (
            <span key={key} class="run-tag">
              {key}
              {value !== "yes" && <b> {value}</b>}
            </span>
          ))}
        </p>
      )}
      <dl class="run-pairs">
        {r.command && (
          <Fact name="Command">
            <Command command={visible(commandLine(r.command))} label="The command of the run" />
            {r.cwd && <span class="muted"> in {r.cwd}</span>}
          </Fact>
        )}
        <Fact name="Repeat it">
          <Command command={"runs reproduce " + short} label="Repeat the run and compare" />
        </Fact>
        {r.source?.tree && (
          <Fact name="Get its source">
            <Command command={`runs checkout ${short} ../${short}`} label="Restore the source of the run" />
          </Fact>
        )}
        {r.group && <Fact name="Group">{r.group}</Fact>}
        {r.key && <Fact name="Key">{r.key}</Fact>}
        {run.parts > 1 && <Fact name="Parts">{run.parts} runs of a chain are read as one</Fact>}
        {r.redacted?.map((x) => (
          <Fact key={x.time} name="Redacted">
            {x.what} in {x.files.join(", ")}, <Time ms={Date.parse(x.time)} />
          </Fact>
        ))}
      </dl>
      {run.notes.length > 0 && <Notes run={run} />}
    </Fragment>
  );
}

/** What people said about the run, newest first. */
function Notes({ run }: { run: Run }) {
  return (
    <details>
      <summary>History of notes ({run.notes.length})</summary>
      <ol class="run-notes">
        {[...run.notes].reverse().map((n) => (
          <li key={n.time}>
            <span class="muted">
              <Time ms={Date.parse(n.time)} absolute /> {visible(n.author)}
            </span>
            {n.name && <p>Name: {n.name}</p>}
            {n.note && <p class="run-note">{visible(n.note)}</p>}
            {n.tags && <p>Tags: {Object.entries(n.tags).map(([k, v]) => (v === "yes" ? k : `${k}=${v}`)).join(", ")}</p>}
            {n.removed && n.removed.length > 0 && <p>Removed tags: {n.removed.join(", ")}</p>}
          </li>
        ))}
      </ol>
    </details>
  );
}

const relations: Record<string, string> = {
  part: "Part of the chain",
  parent: "Parent",
  child: "Child",
  reproduces: "Reproduces",
  reproduced: "Reproduced by",
};

function Related({ run }: { run: Run }) {
  const row = (l: Link) => (
    <tr key={l.relation + l.id}>
      <td class="muted">{relations[l.relation] ?? l.relation}</td>
      <td>{l.id === run.id ? <b>{visible(l.title)} (this run)</b> : l.status ? <a href={placeLink(["run", l.id])}>{visible(l.title)}</a> : l.id}</td>
      <td>{l.status ? <Status status={l.status} /> : <span class="muted">not in this clone</span>}</td>
      <td>{l.started && <Time ms={Date.parse(l.started)} />}</td>
    </tr>
  );
  return (
    <div class="scroll">
      <table class="card">
        <thead>
          <tr>
            <th>Relation</th>
            <th>Run</th>
            <th>Status</th>
            <th>Started</th>
          </tr>
        </thead>
        <tbody>
          {run.chain.map(row)}
          {run.links.map(row)}
        </tbody>
      </table>
    </div>
  );
}

function Shell({ id }: { id: string }) {
  return (
    <div class="run-shell">
      {[
        [`runs show ${id}`, "this page"],
        [`runs metrics ${id} --csv`, "every point"],
        [`runs show ${id} --log`, "the log"],
        [`runs show ${id} --source`, "the source as a patch"],
        [`runs artifacts ${id}`, "the artifacts and where they are"],
        [`runs verify ${id}`, "whether the files are what was recorded"],
      ].map(([command, what]) => (
        <Fragment key={command}>
          <Command command={command} />
          <span class="muted">{what}</span>
        </Fragment>
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
      <ErrorBox
        error={"This run is damaged: " + visible(d.message)}
        hint={<Command command={"runs verify " + run.id} label="Check the files of the run" />}
      />
      {d.files.length > 0 && (
        <Section title="What its folder has" count={d.files.length}>
          <table class="card">
            <tbody>
              {d.files.map((f) => (
                <tr key={f.name}>
                  <td>{visible(f.name)}</td>
                  <td class="num">
                    <Bytes value={f.bytes} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Section>
      )}
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
