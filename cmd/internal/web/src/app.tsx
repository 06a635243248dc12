import { type ComponentType, h, render } from "preact";
import type { Project } from "./api";
import "./app.css";
import { useLoading } from "./loading";
import { type Place, placeLink, usePlace } from "./location";
import { ChartsPage } from "./pages/charts";
import { ComparePage } from "./pages/compare";
import { RelationsPage } from "./pages/relations";
import { ReviewPage } from "./pages/review";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { ServerSource, type Source } from "./source";
import { exportSource } from "./static";

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

function App({ source }: { source: Source }) {
  const place = usePlace();
  const { value: project, error } = useLoading(() => source.json<Project>("project.json"), [source]);
  if (error) return <p role="alert">{error.message}</p>;
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
      <main>{Page ? <Page source={source} project={project} place={place} /> : <p role="alert">No such page.</p>}</main>
    </div>
  );
}

/** Takes the token out of the fragment, and leaves the rest of it, which is the view. */
function takeToken(): string {
  const found = /[#&]token=([\w-]+)/.exec(location.hash);
  if (found) {
    sessionStorage.setItem("token", found[1]);
    history.replaceState(null, "", location.hash.replace(found[0], "#").replace(/^#+/, "#"));
  }
  return sessionStorage.getItem("token") ?? "";
}

render(<App source={exportSource() ?? new ServerSource(takeToken())} />, document.getElementById("app")!);
