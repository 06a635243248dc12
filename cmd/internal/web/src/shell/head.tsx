import { Fragment, h } from "preact";
import type { Project } from "../api";
import { goTo, type Place, placeLink } from "../location";
import { Button, Icon, IconButton, Select } from "../parts";

type Item = readonly [path: string, title: string, key: string];

const menu: readonly Item[] = [
  ["runs", "Runs", "r"],
  ["charts", "Charts", "c"],
  ["compare", "Compare", "d"],
  ["relations", "Relations", "l"],
  ["review", "Review", "v"],
];

/** The pages of a project, each with its key. The page of models is there if there are models. */
export const menuOf = (project?: Project): readonly Item[] => (project?.models ? [...menu, ["models", "Models", "m"]] : menu);

interface HeadProps {
  project?: Project;
  place: Place;
  state: "live" | "lost" | "fixed";
  onJump(): void;
  onKeys(): void;
}

/** The head of every page: the project, the pages, the search, and whether what is shown follows the runs. */
export function Head({ project, place, state, onJump, onKeys }: HeadProps) {
  return (
    <header class="head">
      <a class="head-name" href={placeLink(["runs"])} title="All runs">
        <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
          <rect width="16" height="16" rx="4" fill="var(--accent)" />
          <path d="M3 4.5C5 11 8 12 13 12M3 8c3 2 5 3 10-3" fill="none" stroke="var(--on-accent)" stroke-width="1.5" stroke-linecap="round" />
        </svg>
        <span class="ellipsis">{project?.name || "runs"}</span>
      </a>
      {project && <Revisions project={project} place={place} live={state !== "fixed"} />}
      <nav class="head-menu" aria-label="Pages">
        {menuOf(project).map(([path, title]) => (
          <a key={path} href={placeLink([path])} aria-current={isCurrent(path, place) ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="head-right">
        <Live state={state} />
        <Button icon="search" class="head-jump" onClick={onJump} aria-keyshortcuts="Control+K">
          <span>Go to…</span>
          <kbd>{/Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
        </Button>
        <IconButton icon="help" label="Keys" onClick={onKeys} />
      </div>
    </header>
  );
}

/** Which runs are shown: those of the working tree, or of a branch or another Git revision without a checkout. */
function Revisions({ project, place, live }: { project: Project; place: Place; live: boolean }) {
  const { branches, revision, here } = project;
  if (!live) return revision ? <span class="head-place mono ellipsis">{revision}</span> : <Fragment />;
  const shown = place.params.get("rev") ?? "";
  const names = shown && !branches.includes(shown) ? [shown, ...branches] : branches;
  if (names.length === 0) return <Fragment />;
  return (
    <span class="head-place">
      <Icon name="branch" size={14} />
      <Select
        label="Runs of"
        hideLabel
        value={shown}
        options={[["", here ? `Working tree (${here})` : "Working tree"], ...names.map((n) => [n, n] as const)]}
        onChange={(rev) => goTo(place.path, withRevision(place, rev))}
      />
    </span>
  );
}

function withRevision(place: Place, revision: string): URLSearchParams {
  const params = new URLSearchParams(place.params);
  params.set("rev", revision);
  return params;
}

function isCurrent(path: string, place: Place): boolean {
  return place.path[0] === path || (path === "runs" && place.path[0] === "run");
}

function Live({ state }: { state: HeadProps["state"] }) {
  const [text, title] = {
    live: ["Live", "The page follows the runs as they change"],
    lost: ["Not connected", "The server does not answer"],
    fixed: ["Export", "The runs as they were when this page was written"],
  }[state];
  return (
    <span class="head-live" data-state={state} title={title} role="status">
      {text}
    </span>
  );
}
