import { Fragment, h } from "preact";
import { useRef } from "preact/hooks";
import type { PageProps } from "./props";
import type { Comparison } from "../compare/api";
import { AddSide, SideCards } from "../compare/choose";
import { loadComparison } from "../compare/load";
import { ComparisonView } from "../compare/result";
import { readSides, withBaseline, writeSides } from "../compare/sides";
import { type Changes, useVersion } from "../live";
import { useLoading } from "../loading";
import { placeLink, replaceParams } from "../location";
import { Button, Command, EmptyState, ErrorBox, PageHead, Select, Waiting } from "../parts";
import type { Source } from "../source";
import "./compare.css";

const values = [
  ["", "As the project defines"],
  ["last", "Last value"],
  ["best", "Best value"],
] as const;

export function ComparePage({ source, place }: PageProps) {
  const { params } = place;
  const sides = readSides(params.get("runs"), params.get("groups"));
  const key = sides.join("\n");
  const value = params.get("value") ?? "";
  const change = (next: readonly string[]) => replaceParams({ runs: writeSides(next), groups: "" });
  const shown = useRef<Comparison | undefined>(undefined);
  const version = useVersion(source, (c) => concerns(c, shown.current));
  const { value: loaded, error } = useLoading(
    async () => ({ key, comparison: sides.length > 0 ? await loadComparison(source, sides, value) : undefined }),
    [source, key, value, version],
  );
  const comparison = (shown.current = loaded?.comparison);
  const stale = loaded?.key !== key;
  return (
    <div class="compare">
      <PageHead title="Compare">
        {sides.length === 2 && (
          <Button icon="reset" onClick={() => change([sides[1], sides[0]])}>
            Swap
          </Button>
        )}
        {source.live && (
          <Select label="Compared" value={value} options={values} onChange={(v) => replaceParams({ value: v })} />
        )}
      </PageHead>
      <SideCards sides={sides} known={comparison?.sides ?? []} onChange={change} />
      <AddSide source={source} sides={sides} onAdd={(s) => change([...sides, s])} />
      {error ? (
        <ErrorBox error={error} />
      ) : !comparison && sides.length > 0 ? (
        <Waiting>Comparing…</Waiting>
      ) : (
        <div aria-busy={stale}>
          {comparison && <Result source={source} comparison={comparison} params={params} sides={sides} onChange={change} />}
          {sides.length < 2 && <Few one={sides.length === 1} />}
        </div>
      )}
    </div>
  );
}

/** Whether a change of runs may change the comparison: one of its runs did, or a group may have got another one. */
function concerns(changes: Changes, c: Comparison | undefined): boolean {
  if (!c) return false;
  const ids = new Set(c.sides.flatMap((s) => s.runs.map((r) => r.id)));
  const mine = (list?: string[]) => !!list?.some((id) => ids.has(id));
  const groups = c.sides.some((s) => s.group) || c.missing.length > 0;
  return mine(changes.changed) || mine(changes.removed) || mine(changes.points) || (groups && !!(changes.added || changes.changed));
}

function Few({ one }: { one: boolean }) {
  return (
    <EmptyState title={one ? "Choose what to compare it with" : "Choose runs to compare"}>
      <p>
        Mark 2 to 50 runs on the page <a href={placeLink(["runs"])}>Runs</a> and choose Compare there, or add runs and
        groups by name above. The others are compared with the first one, the baseline.
      </p>
      <p>
        In a shell, <code>runs diff</code> compares the newest run with the one before.
      </p>
    </EmptyState>
  );
}

interface ResultProps {
  source: Source;
  comparison: Comparison;
  params: URLSearchParams;
  sides: readonly string[];
  onChange(sides: string[]): void;
}

function Result({ source, comparison: c, params, sides, onChange }: ResultProps) {
  const pin = (i: number) => onChange(withBaseline(c.sides.map((s) => s.selector), i));
  return (
    <Fragment>
      {c.missing.map((m) => (
        <ErrorBox
          key={m.selector}
          error={m.message}
          hint={
            <Fragment>
              {m.hint && <span>{m.hint}. </span>}
              <Button kind="link" onClick={() => onChange(sides.filter((s) => s !== m.selector))}>
                Leave it out
              </Button>
            </Fragment>
          }
        />
      ))}
      {c.sides.length > 1 && (
        <Fragment>
          {c.command && <Command command={c.command} />}
          <ComparisonView source={source} comparison={c} params={params} onPin={pin} />
        </Fragment>
      )}
    </Fragment>
  );
}
