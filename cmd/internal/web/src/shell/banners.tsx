import { type ComponentChildren, Fragment, h } from "preact";
import type { Project } from "../api";
import { useLoading } from "../loading";
import { count, formatTime, shellLine, upperFirst } from "../parts";
import type { Source, SourceError } from "../source";

interface ExportNotes {
  runs: number;
  more_runs: number;
  running: number;
  as_of: number;
  metrics: string[];
  more_metrics: number;
}

/** A line over the page about all of it. */
function Banner({ kind, children }: { kind?: "warn" | "bad"; children: ComponentChildren }) {
  return <div class={"banner " + (kind ?? "")}>{children}</div>;
}

/** What a reader must know before believing what is shown. */
export function Banners(props: { source: Source; project?: Project; lost?: SourceError }) {
  const { source, project, lost } = props;
  return (
    <div>
      <div role="alert">
        {lost && (
          <Banner kind="bad">
            <strong>{lost.message}</strong>
            <span>{lost.hint} The page shows what it received last.{lost.status === 0 && " It tries again by itself."}</span>
          </Banner>
        )}
        {project?.problem && <Banner kind="bad">{upperFirst(project.problem)}</Banner>}
      </div>
      {project && <Shown project={project} />}
      {project && !source.live && <Export source={source} />}
      {project && project.damaged.length > 0 && <Damaged project={project} />}
    </div>
  );
}

/** Which runs the page was started for. */
function Shown({ project }: { project: Project }) {
  const { selectors, where } = project;
  if (!selectors?.length && !where) return <Fragment />;
  return (
    <Banner>
      <span>
        Only the runs of <code>{shellLine("runs", "ls", ...(selectors ?? []), ...(where ? ["-w", where] : []))}</code> are
        shown.
      </span>
    </Banner>
  );
}

/** What an export left out, and how old it is. */
function Export({ source }: { source: Source }) {
  const { value: notes } = useLoading(() => source.json<ExportNotes>("export.json"), [source]);
  if (!notes) return <Fragment />;
  const metrics = notes.metrics.length + notes.more_metrics;
  return (
    <Fragment>
      {notes.more_runs > 0 && (
        <Banner kind="warn">
          This export has the {count(notes.runs, "newest run", "newest runs")}. It leaves out {count(notes.more_runs, "run")}.
        </Banner>
      )}
      {metrics > 0 && (
        <Banner kind="warn">
          <details>
            <summary>This export leaves out {count(metrics, "metric")}</summary>
            <p class="mono">
              {notes.metrics.join(", ")}
              {notes.more_metrics > 0 && ` and ${notes.more_metrics} more`}
            </p>
          </details>
        </Banner>
      )}
      {notes.running > 0 && (
        <Banner>
          {count(notes.running, "run")} {notes.running === 1 ? "was" : "were"} still running when this page was written, at{" "}
          {formatTime(notes.as_of)}.
        </Banner>
      )}
    </Fragment>
  );
}

/** The runs that are not shown because they cannot be read. */
function Damaged({ project: { damaged } }: { project: Project }) {
  return (
    <Banner kind="warn">
      <details>
        <summary>
          {count(damaged.length, "run")} cannot be read and {damaged.length === 1 ? "is" : "are"} not shown
        </summary>
        <ul>
          {damaged.map((d) => (
            <li key={d.id}>
              <span class="mono">{d.id}</span>: {d.message}
            </li>
          ))}
        </ul>
        <p>
          Run <code>runs verify</code> to see what is damaged, or restore the runs from Git.
        </p>
      </details>
    </Banner>
  );
}
