import { Fragment, h } from "preact";
import { useMemo } from "preact/hooks";
import { type Place, replaceParams } from "../location";
import { shortID } from "../pages/run-data";
import { Loaded, matches, useFirst } from "../pages/run-parts";
import { Command, SearchField, useNow, visible } from "../parts";
import { histogramOf } from "./histogram";
import { HistogramView } from "./histogram_view";
import type { MediaProps } from "./props";
import "./media.css";
import { stepSlider } from "./step_slider";

interface ValueKey {
  key: string;
  name: string;
  kind: string;
  count: number;
}

interface ValueKeys {
  keys: ValueKey[];
  here: boolean;
}

interface Series {
  total: number;
  values: { step: number; value: unknown }[];
}

const readEvery = 4000; // ms
const openKeys = 8;
const manyKeys = 6;

/** Texts, histograms and other values that are not numbers, by key. */
export function Values({ run, source, place }: MediaProps & { place: Place }) {
  const find = place.params.get("value") ?? "";
  // While the run is in progress, its values are read every few seconds: that reads all of them.
  useNow();
  const when = run.live ? Math.floor(Date.now() / readEvery) : 0;
  return (
    <Loaded load={() => source.json<ValueKeys>(`values/${run.id}.json`)} keys={[source, run.id, when]}>
      {({ keys, here }) =>
        keys.length === 0 ? (
          <p class="muted">{here ? "None so far." : "They are on the machine that recorded them."}</p>
        ) : (
          <Fragment>
            {keys.length >= manyKeys && (
              <SearchField label="Find a key" value={find} onInput={(text) => replaceParams({ value: text })} />
            )}
            <SeriesList keys={keys.filter((k) => matches(k.key, find))} run={run} source={source} place={place} />
            <Command command={`runs metrics ${shortID(run.id)} --values`} />
          </Fragment>
        )
      }
    </Loaded>
  );
}

function SeriesList({ keys, ...rest }: MediaProps & { keys: ValueKey[]; place: Place }) {
  const [list, more] = useFirst(keys, openKeys);
  return (
    <Fragment>
      {list.map((k) => (
        <OneSeries key={k.name} of={k} {...rest} />
      ))}
      {more}
    </Fragment>
  );
}

function OneSeries({ of, run, source, place }: MediaProps & { of: ValueKey; place: Place }) {
  const path = `values/${run.id}/${of.name}.json`;
  return (
    <figure class="media-key">
      <Loaded load={() => source.json<Series>(path)} keys={[source, path, of.count]}>
        {({ values, total }) => {
          const steps = values.map((v) => v.step);
          const [at, slider, go] = stepSlider(of.key, steps, place);
          const histograms = values.map((v) => histogramOf(v.value));
          return (
            <Fragment>
              <figcaption class="bar">
                <h3 class="run-name">{visible(of.key)}</h3>
                <span class="muted">
                  {of.kind}
                  {values.length < total && `, ${values.length} of ${total} values`}
                </span>
                {slider}
              </figcaption>
              {values.length > 0 &&
                (histograms.every(Boolean) ? (
                  <HistogramView name={of.key} steps={steps} list={histograms.map((h) => h!)} at={at} onPick={go} />
                ) : (
                  <TextValue value={values[at].value} />
                ))}
            </Fragment>
          );
        }}
      </Loaded>
    </figure>
  );
}

const longValue = 10_000; // bytes of JSON that is not set in lines: its depth would make it very large

function TextValue({ value }: { value: unknown }) {
  const text = useMemo(() => {
    if (typeof value === "string") return value;
    try {
      const short = JSON.stringify(value);
      return short.length <= 120 || short.length > longValue ? short : JSON.stringify(value, null, 1);
    } catch {
      return "This value is nested too deeply to be shown.";
    }
  }, [value]);
  return (
    <pre class="run-text" tabIndex={0}>
      {visible(text)}
    </pre>
  );
}
