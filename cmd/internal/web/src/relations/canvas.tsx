import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** The colors of the page for drawing, as the theme has them. */
export interface Theme {
  text: string;
  muted: string;
  line: string;
  edge: string;
  accent: string;
  surface: string;
  font: string;
}

function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: get("--text"),
    muted: get("--muted"),
    line: get("--line"),
    edge: get("--edge"),
    accent: get("--accent"),
    surface: get("--surface"),
    font: get("--font"),
  };
}

export interface Size {
  width: number;
  height: number;
}

export type Paint = (ctx: CanvasRenderingContext2D, size: Size, theme: Theme) => void | (() => void);

/** The size of an element, which changes with it. */
export function useSize<E extends HTMLElement>(): [{ current: E | null }, Size] {
  const ref = useRef<E>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const element = ref.current!;
    const look = () => {
      const { clientWidth: width, clientHeight: height } = element;
      setSize((s) => (s.width === width && s.height === height ? s : { width, height }));
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    look();
    return () => sizes.disconnect();
  }, []);
  return [ref, size];
}

/** A canvas that is painted when the keys, its size or the theme change. Paint may return a function that stops it. */
export function Canvas({ size, paint, keys }: { size: Size; paint: Paint; keys: readonly unknown[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setTheme((n) => n + 1);
    dark.addEventListener("change", change);
    return () => dark.removeEventListener("change", change);
  }, []);
  useEffect(() => {
    const c = canvas.current!;
    const ratio = devicePixelRatio || 1;
    c.width = Math.round(size.width * ratio);
    c.height = Math.round(size.height * ratio);
    const ctx = c.getContext("2d")!;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (size.width > 0 && size.height > 0) return paint(ctx, size, readTheme()) ?? undefined;
  }, [size.width, size.height, theme, ...keys]);
  return <canvas ref={canvas} aria-hidden="true" />;
}

/** Writes a text over what is drawn, shortened to a width. */
export function write(ctx: CanvasRenderingContext2D, theme: Theme, text: string, x: number, y: number, room: number, color = theme.muted): void {
  if (ctx.measureText(text).width > room) {
    let n = Math.min(text.length, 60);
    while (n > 1 && ctx.measureText(text.slice(0, n) + "…").width > room) n--;
    text = text.slice(0, n) + "…";
  }
  ctx.lineWidth = 3;
  ctx.strokeStyle = theme.surface;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = color;
  ctx.fillText(text, x, y);
  ctx.lineWidth = 1;
}

/** Draws a line between two points, sharp if it is level or upright. */
export function rule(ctx: CanvasRenderingContext2D, color: string, x1: number, y1: number, x2: number, y2: number, dash: number[] = []): void {
  ctx.strokeStyle = color;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  ctx.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  ctx.stroke();
  ctx.setLineDash([]);
}
