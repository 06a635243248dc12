import { type ComponentType, Fragment, h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Project } from "./api";
import "./app.css";
import { useLost, useProject } from "./live";
import { goTo, type Place, placeLink, usePlace } from "./location";
import { ChartsPage } from "./pages/charts";
import { ComparePage } from "./pages/compare";
import { ModelsPage } from "./pages/models";
import type { PageProps } from "./pages/props";
import { RelationsPage } from "./pages/relations";
import { ReviewPage } from "./pages/review";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { Announcer, ErrorBox, PageHead, ProjectName, useKeys, Waiting } from "./parts";
import { KeysDialog, pressKey } from "./parts/keys";
import { Banners } from "./shell/banners";
import { ExportNotes } from "./shell/export-notes";
import { Head, menuOf } from "./shell/head";
import { Jump } from "./shell/jump";
import { usePageFocus } from "./shell/scroll";
import { ServerSource, type Source } from "./source";
import { exportSource } from "./static";
import { Access } from "./token";

const pages: Record<string, ComponentType<PageProps>> = {
  runs: RunsPage,
  charts: ChartsPage,
  run: RunPage,
  compare: ComparePage,
  relations: RelationsPage,
  review: ReviewPage,
  models: ModelsPage,
};

function App({ source }: { source: Source }) {
  const place = usePlace();
  const [open, setOpen] = useState<"jump" | "keys">();
  const { value: project, error } = useProject(source);
  const lost = useLost(source);
  const close = () => setOpen(undefined);
  useKeys("Everywhere", {
    ...Object.fromEntries(menuOf(project).map(([path, title, key]) => ["g " + key, ["Go to " + title, () => goTo([path])]])),
    "/": ["Search the page", focusSearch],
    "?": ["Show the keys", () => setOpen("keys")],
  });
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "k") {
        e.preventDefault();
        setOpen("jump");
      } else pressKey(e);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  usePageFocus(place.path.join("/"), useRef(true));
  return (
    <ProjectName.Provider value={project?.name || "runs"}>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Head
        project={project}
        place={place}
        state={!source.live ? "fixed" : lost || (error && !project) ? "lost" : "live"}
        onJump={() => setOpen("jump")}
        onKeys={() => setOpen("keys")}
      />
      <Banners project={project} lost={project && lost} />
      {!source.live && <ExportNotes source={source} />}
      <main id="main" tabIndex={-1}>
        <Content source={source} project={project} error={error} place={place} />
      </main>
      {open === "jump" && <Jump source={source} project={project} onClose={close} />}
      {open === "keys" && <KeysDialog onClose={close} />}
      <Announcer />
    </ProjectName.Provider>
  );
}

function Content({ error, project, ...props }: { source: Source; project?: Project; error?: Error; place: Place }) {
  const Page = Object.hasOwn(pages, props.place.path[0]) ? pages[props.place.path[0]] : undefined;
  if (!Page) {
    return (
      <Fragment>
        <PageHead title="No such page" />
        <p>
          The address names no page. Go to <a href={placeLink(["runs"])}>all runs</a>.
        </p>
      </Fragment>
    );
  }
  if (project) return <Page {...props} project={project} />;
  if (error) {
    return (
      <Fragment>
        <ErrorBox error={error} />
        {props.place.params.get("rev") && (
          <p>
            <a href={placeLink(["runs"], new URLSearchParams({ rev: "" }))}>Show the runs of the working tree</a>
          </p>
        )}
      </Fragment>
    );
  }
  return <Waiting>Reading the runs…</Waiting>;
}

/** Moves the focus without a change of the fragment, which is the view. */
function skip(e: Event) {
  e.preventDefault();
  document.getElementById("main")!.focus();
}

function focusSearch() {
  document.querySelector<HTMLElement>("main input[type=search], main [role=combobox]")?.focus();
}

// The token leaves the address before anything else reads it.
const fixed = exportSource();
const access = fixed ? undefined : new Access();

function Root() {
  const revision = usePlace().params.get("rev") ?? "";
  const source = useMemo(() => fixed ?? new ServerSource(access!, revision), [revision]);
  return <App source={source} />;
}

const place = document.getElementById("app")!;
place.replaceChildren(); // what an exported folder says where scripts cannot read its files
render(<Root />, place);
