import { type ComponentType, h, render } from "preact";
import type { Project } from "./api";
import { useMemo } from "preact/hooks";
import "./app.css";
import { useLost, useProject } from "./live";
import { type Place, placeLink, usePlace } from "./location";
import { ChartsPage } from "./pages/charts";
import { ComparePage } from "./pages/compare";
import { RelationsPage } from "./pages/relations";
import { ReviewPage } from "./pages/review";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { ServerSource, type Source, SourceError } from "./source";
import { exportSource } from "./static";
import { Access } from "./token";

export interface PageProps {
  source: Source;
  project: Project;
  place: Place;
}

const pages: Record<string, ComponentType<PageProps>> = {
  runs: RunsPage,
  charts: ChartsPage,
  run: RunPage,
  compare: ComparePage,
  relations: RelationsPage,
  review: ReviewPage,
};

const menu = [
  ["runs", "Runs"],
  ["charts", "Charts"],
  ["compare", "Compare"],
  ["relations", "Relations"],
  ["review", "Review"],
];

function Trouble({ error }: { error: Error }) {
  const hint = error instanceof SourceError ? error.hint : "";
  return (
    <p role="alert">
      {error.message} {hint}
    </p>
  );
}

function App({ source }: { source: Source }) {
  const place = usePlace();
  const { value: project, error } = useProject(source);
  const lost = useLost(source);
  if (error && !project) return <Trouble error={error} />;
  if (!project) return <p>Reading the runs…</p>;
  const Page = pages[place.path[0]];
  return (
    <div>
      <nav aria-label="Pages">
        {menu.map(([path, title]) => (
          <a key={path} href={placeLink([path])} aria-current={place.path[0] === path ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      {lost && <Trouble error={lost} />}
      {project.problem && <p role="alert">{project.problem}</p>}
      <main>{Page ? <Page source={source} project={project} place={place} /> : <p role="alert">No such page.</p>}</main>
    </div>
  );
}

// The token leaves the address before anything else reads it.
const fixed = exportSource();
const access = fixed ? undefined : new Access();

function Root() {
  const revision = usePlace().params.get("rev") ?? "";
  const source = useMemo(() => fixed ?? new ServerSource(access!, revision), [revision]);
  return <App source={source} />;
}

render(<Root />, document.getElementById("app")!);
