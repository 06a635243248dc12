// What a reader chooses on the page Charts, in the address; and which charts are where. No DOM.

import type { BandKind, Span } from "../chart/grid";
import type { MetricInfo } from "../chart/load";

export interface ChartsView {
  search: string;
  /** As in CurveChart. */
  x: string;
  logX: boolean;
  logY: boolean;
  smooth: number;
  outliers: boolean;
  /** What runs are grouped by; each run for itself if it is empty. */
  by: string;
  band: BandKind;
  zoom?: { axis: string; span: Span };
  size: "s" | "m" | "l";
  hiddenToo: boolean;
  /** Lists, see readList. */
  hide: string;
  only: string;
  fold: string;
}

export function readView(params: URLSearchParams): ChartsView {
  const text = (name: string) => params.get(name) ?? "";
  const smooth = Number(text("smooth"));
  const size = text("size");
  const band = text("band");
  return {
    search: text("q"),
    x: text("x"),
    logX: text("logx") === "1",
    logY: text("logy") === "1",
    smooth: smooth > 0 && smooth < 1 ? smooth : 0,
    outliers: text("outliers") !== "off",
    by: text("by"),
    band: band === "stderr" || band === "minmax" ? band : "std",
    zoom: readZoom(text("zoom")),
    size: size === "s" || size === "l" ? size : "m",
    hiddenToo: text("hidden") === "1",
    hide: text("hide"),
    only: text("only"),
    fold: text("fold"),
  };
}

/** "step:10:20". The name of an axis may have colons too. */
function readZoom(text: string): ChartsView["zoom"] {
  const found = /^(.+):([^:]+):([^:]+)$/s.exec(text);
  if (!found) return undefined;
  const span: Span = [Number(found[2]), Number(found[3])];
  return Number.isFinite(span[0]) && Number.isFinite(span[1]) && span[0] < span[1] ? { axis: found[1], span } : undefined;
}

/** A list of texts in one parameter. */
export function writeList(list: string[]): string {
  return list.map((text) => encodeURIComponent(text) || "%").join(",");
}

export function readList(text: string): string[] {
  if (!text) return [];
  return text.split(",").map((part) => {
    try {
      return part === "%" ? "" : decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

/** What a search finds: a text in any case or, between slashes, a regular expression. */
export function matcher(search: string): { matches(key: string): boolean; problem: string } {
  const pattern = /^\/(.+?)\/?$/s.exec(search.trim());
  if (!pattern) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    return { matches: (key) => words.every((word) => key.toLowerCase().includes(word)), problem: "" };
  }
  try {
    const found = new RegExp(pattern[1], "iu");
    return { matches: (key) => found.test(key), problem: "" };
  } catch {
    return { matches: () => true, problem: "This is not a regular expression." };
  }
}

export interface Section {
  prefix: string;
  metrics: MetricInfo[];
}

/**
 * Metrics by the part of their key before the first slash, if several have it. The primary metric comes first, with its
 * section.
 */
export function sections(metrics: MetricInfo[], primary: string): Section[] {
  const byPrefix = new Map<string, MetricInfo[]>();
  const own = (key: string) => (key.includes("/") ? key.slice(0, key.indexOf("/")) : "");
  const sizes = new Map<string, number>();
  for (const { key } of metrics) sizes.set(own(key), (sizes.get(own(key)) ?? 0) + 1);
  const prefixOf = (key: string) => (sizes.get(own(key)) === 1 ? "" : own(key));
  for (const m of metrics) {
    const list = byPrefix.get(prefixOf(m.key));
    if (list) list.push(m);
    else byPrefix.set(prefixOf(m.key), [m]);
  }
  const first = (a: boolean, b: boolean) => Number(b) - Number(a);
  const compare = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });
  const home = metrics.some((m) => m.key === primary) ? prefixOf(primary) : undefined;
  return [...byPrefix]
    .sort(([a], [b]) => first(a === home, b === home) || compare(a, b))
    .map(([prefix, list]) => ({
      prefix,
      metrics: list.sort((a, b) => first(a.key === primary, b.key === primary) || compare(a.key, b.key)),
    }));
}

/** Whether a section is closed before the reader opens it: one of many, and not small. */
export function defaultClosed(part: Section, at: number, all: number): boolean {
  return at > 0 && all > 12 && part.metrics.length > 4;
}
