import { type ComponentChildren, createContext, h } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import { SourceError } from "../source";
import { upperFirst } from "./format";

/** The name of the project, which ends the title of the window. */
export const ProjectName = createContext("runs");

/** The heading of a page, with its actions beside it. Each page has one. It becomes the title of the window. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  const project = useContext(ProjectName);
  useEffect(() => {
    document.title = title + " · " + project;
  }, [title, project]);
  return (
    <div class="page-head">
      <h1 tabIndex={-1} title={title.length > 80 ? title : undefined}>
        {title}
      </h1>
      {children}
    </div>
  );
}

/** A part of a page with a heading, which folds. Its children exist only while it is open. */
export function Section(props: {
  title: string;
  count?: number;
  open?: boolean;
  onToggle?(open: boolean): void;
  actions?: ComponentChildren;
  id?: string;
  children: ComponentChildren;
}) {
  const [open, setOpen] = useState(props.open ?? true);
  return (
    <details
      class="section"
      id={props.id}
      open={open}
      onToggle={(e) => {
        const now = e.currentTarget.open;
        if (now === open) return;
        setOpen(now);
        props.onToggle?.(now);
      }}
    >
      <summary>
        <h2>{props.title}</h2>
        {props.count !== undefined && <span class="count">{props.count.toLocaleString("en-US")}</span>}
      </summary>
      {open && props.actions && <div class="section-actions">{props.actions}</div>}
      {open && <div class="section-body">{props.children}</div>}
    </details>
  );
}

export interface Tab {
  id: string;
  title: string;
  count?: number;
}

/** Tabs, and the panel of the current one as children. Arrow keys move between them. */
export function Tabs(props: {
  label: string;
  tabs: readonly Tab[];
  current: string;
  onSelect(id: string): void;
  children: ComponentChildren;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (e: KeyboardEvent) => {
    const at = props.tabs.findIndex((t) => t.id === props.current);
    const last = props.tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at <= 0 ? last : at - 1, Home: 0, End: last }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    props.onSelect(props.tabs[to].id);
    (list.current!.children[to] as HTMLElement).focus();
  };
  return (
    <div class="tabs">
      <div ref={list} role="tablist" aria-label={props.label} onKeyDown={onKeyDown}>
        {props.tabs.map((t) => (
          <button
            key={t.id}
            type="button"
            role="tab"
            id={`${id}-${t.id}`}
            aria-selected={t.id === props.current}
            aria-controls={`${id}-panel`}
            tabIndex={t.id === props.current ? 0 : -1}
            onClick={() => props.onSelect(t.id)}
          >
            {t.title}
            {t.count !== undefined && <span class="count">{t.count.toLocaleString("en-US")}</span>}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${props.current}`}>
        {props.children}
      </div>
    </div>
  );
}

/** Nothing to show: says why, and as children what to do. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** What went wrong, and what to do about it: an error with its hint, and a button that tries again. */
export function ErrorBox(props: { error: Error | string; hint?: ComponentChildren; onRetry?(): void }) {
  const { error } = props;
  const message = typeof error === "string" ? error : error.message;
  const hint = props.hint ?? (error instanceof SourceError && error.hint ? upperFirst(error.hint) : undefined);
  return (
    <div class="error" role="alert">
      <p>{upperFirst(message)}</p>
      {hint && <p>{hint}</p>}
      {props.onRetry && (
        <button type="button" onClick={props.onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Says that something loads, after a moment: what comes at once does not flicker. */
export function Waiting({ children = "Loading…" }: { children?: ComponentChildren }) {
  return (
    <p class="waiting" role="status">
      {children}
    </p>
  );
}
