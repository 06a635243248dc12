import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { type Place, replaceParams } from "../location";
import { visible } from "../pages/run-data";
import { Button, Command, count, ErrorBox, SearchField, Waiting } from "../parts";
import { shortID } from "../pages/run-data";
import { histogramOf } from "./histogram";
import { HistogramView } from "./histogram_view";
import type { MediaProps } from "./media";
import "./media.css";
import { indexOfStep, StepSlider } from "./step_slider";

interface ValueKey {
  key: string;
  name: string;
  kind: string;
  count: number;
  first: number;
  last: number;
}

interface ValueKeys {
  keys: ValueKey[];
  more: number;
  here: boolean;
}

export interface Value {
  step: number;
  time: number;
  value: unknown;
}

interface Series {
  key: string;
  total: number;
  values: Value[];
}

const openKeys = 8;
const manyKeys = 6;

/** Texts, histograms and other values that are not numbers, by key. */
export function Values({ run, source, place }: MediaProps & { place: Place }) {
  const { value, error } = useLoading(() => source.json<ValueKeys>(`values/${run.id}.json`), [source, run]);
  const [more, setMore] = useState(openKeys);
  const find = place.params.get("value") ?? "";
  if (error) return <ErrorBox error={error} />;
  if (!value) return <Waiting />;
  if (value.keys.length === 0) {
    return <p class="muted">{value.here ? "None so far." : "They are on the machine that recorded them."}</p>;
  }
  const list = value.keys.filter((k) => k.key.toLowerCase().includes(find.toLowerCase()));
  return (
    <Fragment>
      {value.keys.length >= manyKeys && (
        <div class="bar run-bar">
          <SearchField label="Find a key" value={find} onInput={(text) => replaceParams({ value: text })} />
          <span class="muted">{count(value.keys.length + value.more, "key")}</span>
        </div>
      )}
      {list.slice(0, more).map((k) => (
        <OneSeries key={k.name} of={k} run={run} source={source} place={place} />
      ))}
      {list.length > more && <Button onClick={() => setMore(more + openKeys * 3)}>Show more of {list.length} keys</Button>}
      <Command command={`runs metrics ${shortID(run.id)} --values`} />
    </Fragment>
  );
}

function OneSeries({ of, run, source, place }: MediaProps & { of: ValueKey; place: Place }) {
  const path = `values/${run.id}/${of.name}.json`;
  const { value, error } = useLoading(() => source.json<Series>(path), [source, path, of.count]);
  const param = "step:" + of.key;
  const steps = value?.values.map((v) => v.step) ?? [];
  const at = indexOfStep(steps, place.params.get(param));
  const histograms = value?.values.map((v) => histogramOf(v.value));
  const allHistograms = histograms && histograms.length > 0 && histograms.every(Boolean);
  return (
    <figure class="media-key">
      <figcaption class="bar">
        <h3 class="run-name">{visible(of.key)}</h3>
        <span class="muted">{of.kind}</span>
        {steps.length > 0 && (
          <StepSlider
            label={of.key}
            steps={steps}
            at={at}
            onChange={(i) => replaceParams({ [param]: i === steps.length - 1 ? "" : String(steps[i]) })}
          />
        )}
      </figcaption>
      {error && <ErrorBox error={error} />}
      {value && value.values.length < value.total && (
        <p class="muted">
          {value.values.length} of {count(value.total, "value")} are shown, at about equal distances.
        </p>
      )}
      {value &&
        steps.length > 0 &&
        (allHistograms ? (
          <HistogramView name={of.key} steps={steps} list={histograms.map((h) => h!)} at={at} />
        ) : (
          <TextValue value={value.values[at].value} />
        ))}
    </figure>
  );
}

function TextValue({ value }: { value: unknown }) {
  const short = JSON.stringify(value);
  const text = typeof value === "string" ? value : short.length <= 120 ? short : JSON.stringify(value, null, 1);
  return (
    <pre class="media-text run-text" tabIndex={0}>
      {visible(text)}
    </pre>
  );
}
