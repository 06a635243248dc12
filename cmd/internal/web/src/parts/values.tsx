import { Fragment, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { exactNumber, formatAgo, formatBytes, formatDuration, formatNumber, formatTime } from "./format";

/** A number, short, with all its digits in the tooltip. Nothing for a value that is missing. */
export function Num({ value }: { value: number | null | undefined }) {
  if (value === null || value === undefined) return <Fragment />;
  const text = formatNumber(value);
  const exact = exactNumber(value);
  return (
    <span class="num" title={exact === text ? undefined : exact}>
      {text}
    </span>
  );
}

/** A length of time in milliseconds. */
export function Duration({ ms }: { ms: number | null | undefined }) {
  if (ms === null || ms === undefined) return <Fragment />;
  return <span class="num">{formatDuration(ms)}</span>;
}

/** A size in bytes. */
export function Bytes({ value }: { value: number }) {
  return (
    <span class="num" title={value < 1000 ? undefined : value.toLocaleString("en-US") + " B"}>
      {formatBytes(value)}
    </span>
  );
}

/** A time in milliseconds since 1970: how long ago, with the time itself in the tooltip, or the reverse. */
export function Time({ ms, absolute }: { ms: number; absolute?: boolean }) {
  const ago = formatAgo(useNow() - ms);
  const time = formatTime(ms);
  if (!time) return <Fragment />;
  return (
    <time class="num" dateTime={new Date(ms).toISOString()} title={absolute ? ago : time}>
      {absolute ? time : ago}
    </time>
  );
}

const clocks = new Set<(now: number) => void>();
let ticking = 0;

let stopped = 0;

/** Says when the runs in progress of an export were last active: their time does not go on. */
export function stopClock(at: number): void {
  stopped = at;
  clocks.forEach((set) => set(Date.now()));
}

/** Until when a run in progress has run, as far as the page knows. */
export const untilNow = (now: number): number => stopped || now;

/** The present time, every ten seconds. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    clocks.add(setNow);
    ticking ||= window.setInterval(() => clocks.forEach((set) => set(Date.now())), 10_000);
    return () => {
      clocks.delete(setNow);
      if (clocks.size > 0) return;
      clearInterval(ticking);
      ticking = 0;
    };
  }, []);
  return now;
}

const shapes: Record<string, string> = {
  finished: "M6 .5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM3.4 6.1l1.9 1.9 3.4-3.7",
  running: "M6 .5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM4.6 3.6v4.8L8.6 6z",
  failed: "M3.6.5h4.8l3.1 3.1v4.8l-3.1 3.1H3.6L.5 8.4V3.6zM4 4l4 4m0-4L4 8",
  killed: "M1 1h10v10H1zM4 6h4",
  crashed: "M6 .8 11.5 11H.5zM6 4.5v3m0 1.7v.1",
};

/** The status of a run: a shape in its color, and the word. Compact shows the shape alone, with the word as its name. */
export function Status({ status, compact }: { status: string; compact?: boolean }) {
  return (
    <span class="status" data-status={status} title={compact ? status : undefined}>
      <svg width="12" height="12" viewBox="0 0 12 12" role={compact ? "img" : undefined} aria-label={compact ? status : undefined} aria-hidden={!compact}>
        <path d={shapes[status] ?? "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1Z"} />
      </svg>
      {!compact && status}
    </span>
  );
}
