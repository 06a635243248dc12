import { type ComponentChildren, Fragment, h } from "preact";
import type { Project } from "../api";
import { placeLink } from "../location";
import { count, shellLine, upperFirst, visible } from "../parts";
import type { SourceError } from "../source";

/** A line over the page about all of it. */
function Banner({ kind, children }: { kind?: "warn" | "bad"; children: ComponentChildren }) {
  return <div class={"banner " + (kind ?? "")}>{children}</div>;
}

/** What a reader must know before believing what is shown. */
export function Banners(props: { project?: Project; lost?: SourceError }) {
  const { project, lost } = props;
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
              <a class="mono" href={placeLink(["run", d.id])}>
                {d.id}
              </a>
              : {visible(d.message)}
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
