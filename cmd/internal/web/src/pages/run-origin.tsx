import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { Button, Bytes, CopyButton, count, formatBytes, formatNumber, SearchField, visible } from "../parts";
import type { Source } from "../source";
import { type Dataset, numberOf, type Recorded, type Run, type Trace } from "./run-data";
import { Facts, Loaded, matches, Rows } from "./run-parts";

export interface PartProps {
  run: Run;
  source: Source;
}

/** What is not known of the data that a run has read. */
export function doubtsOf(t: Trace | undefined): string[] {
  if (!t) return [];
  return [
    ...(t.withheld ? [count(t.withheld, "file") + " with a name that is not recorded, as of keys or hidden files"] : []),
    ...(t.ignored ? ["What the program read was not noticed; not in Git: " + t.ignored.join(", ")] : []),
    ...(t.problems ?? []).map((p) => "Not known: " + p),
  ];
}

/** The data of a run, and the files of a dataset when a reader asks for them. */
export function Datasets({ run, source }: PartProps) {
  const [open, setOpen] = useState(-1);
  const doubts = doubtsOf(run.record!.trace);
  const datasets = run.record!.datasets;
  return (
    <Fragment>
      {doubts.map((d) => (
        <p key={d} class="run-doubt" role="note">
          {visible(d)}
        </p>
      ))}
      {datasets && (
        <Rows
          head={["Name", "Place", "#Size", "#Files", "#Rows", "Digest", ""]}
          rows={datasets.map((d, i) => [
            <Fragment>
              {visible(d.name)}
              {d.noticed && <small class="muted"> noticed by {visible(d.noticed)}</small>}
              {d.columns && <small class="muted"> {visible(d.columns.slice(0, 50).join(", "))}</small>}
            </Fragment>,
            placeOf(d),
            <Bytes value={d.bytes} />,
            d.files.toLocaleString("en-US"),
            d.rows?.toLocaleString("en-US"),
            <Digest digest={d.sha256 ?? d.dvc ?? d.digest ?? ""} what={digestOf(d)} />,
            d.manifest && (
              <Button kind="link" aria-expanded={open === i} onClick={() => setOpen(open === i ? -1 : i)}>
                Files
              </Button>
            ),
          ])}
        />
      )}
      {open >= 0 && <Files key={open} run={run} source={source} dataset={open} />}
    </Fragment>
  );
}

/** The beginning of a digest, and a button that copies all of it. */
export function Digest({ digest, what }: { digest: string; what?: string }) {
  return (
    <span class="run-digest">
      <code>{digest.slice(0, 12)}</code>
      <CopyButton text={digest} label={"Copy " + digest.slice(0, 12) + "…"} />
      {what && <span class="muted">{what}</span>}
    </span>
  );
}

function placeOf(d: Dataset): string {
  return d.path ?? (d.role === "artifact" ? "artifact of this project" : (d.source ?? "outside the project"));
}

/** What is hashed, if it is not the content. */
function digestOf(d: Dataset): string {
  if (d.hash) return "names and sizes only";
  if (d.sha256) return "";
  if (d.dvc) return "of DVC";
  return d.noticed ? "the revision" : "of the program";
}

interface Manifest {
  total: number;
  list: { path: string; bytes: number; sha256: string }[];
}

function Files({ run, source, dataset }: PartProps & { dataset: number }) {
  const [find, setFind] = useState("");
  const asked = source.live ? find : ""; // an export has one answer, which is searched here
  return (
    <div class="run-sub">
      <SearchField label="Find a file" value={find} onInput={setFind} delay={150} />
      <Loaded
        load={() => source.json<Manifest>(`manifest/${run.id}/${dataset}.json`, asked ? { find: asked } : undefined)}
        keys={[source, asked]}
      >
        {(m) => (
          <Fragment>
            <p class="muted">
              {count(m.total, "file")}
              {m.list.length < m.total && `, the first ${m.list.length} are listed`}
            </p>
            <Rows
              head={["", "#", ""]}
              tall="Files of the dataset"
              rows={m.list
                .filter((f) => f.path.includes(find))
                .map((f) => [f.path, <Bytes value={f.bytes} />, <code>{f.sha256.slice(0, 12)}</code>])}
            />
          </Fragment>
        )}
      </Loaded>
    </div>
  );
}

interface Editable {
  name: string;
  version: string;
  path: string;
  commit: string;
  dirty: boolean;
  sha256: string;
  subdirectory: string;
  copied: boolean;
}

/** Where a package came from that is not from an index. */
function originOf(d: Editable): string {
  return [
    `${d.version} from ${d.path}${d.subdirectory && "/" + d.subdirectory}`,
    d.commit && "at " + d.commit.slice(0, 12),
    d.sha256 && "sha256 " + d.sha256.slice(0, 12),
    d.dirty && "with uncommitted changes, which are not recorded",
    d.copied && "copied",
  ]
    .filter(Boolean)
    .join(", ");
}

interface EnvironmentAnswer {
  driver: string;
  cuda: string;
  python: string;
  prefix: string;
  packages: { kind: string; list: [string, string][] }[];
  editable: Editable[];
  locks: [string, string][];
}

/** Interpreter, variables and packages. */
export function Environment({ run, source }: PartProps) {
  const env = run.record!.environment!;
  const [open, setOpen] = useState(false);
  const variables = Object.entries(env.variables ?? {});
  return (
    <Fragment>
      <Facts
        list={[
          ["Python", env.python],
          ["System", env.os && `${env.os}/${env.arch}`],
          ["Withheld variables", env.withheld?.join(", ")],
        ]}
      />
      {variables.length > 0 && <Rows head={["Variable", "Value"]} rows={variables} fit />}
      {env.digest &&
        (open ? (
          <Packages run={run} source={source} />
        ) : (
          <p>
            <Button onClick={() => setOpen(true)}>Show {run.packages ? count(run.packages, "package") : "the packages"}</Button>
          </p>
        ))}
    </Fragment>
  );
}

function Packages({ run, source }: PartProps) {
  const [find, setFind] = useState("");
  return (
    <Loaded load={() => source.json<EnvironmentAnswer>(`environment/${run.id}.json`)} keys={[source, run.id]}>
      {(e) => (
        <Fragment>
          <Facts
            list={[
              ["Interpreter", e.python],
              ["Prefix", e.prefix],
              ["CUDA", e.cuda],
              ["Driver", e.driver],
              ["Lock files", e.locks.map(([path]) => path).join(", ")],
              ...e.editable.map((d) => [d.name, originOf(d)] as const),
            ]}
          />
          <SearchField label="Find a package" value={find} onInput={setFind} />
          {e.packages.map((p) => (
            <Fragment key={p.kind}>
              <h3 class="run-sub">{`${p.kind} (${p.list.length})`}</h3>
              <ul class="run-packages">
                {p.list
                  .filter(([name]) => matches(name, find))
                  .map(([name, version]) => (
                    <li key={name}>
                      {visible(name)} <span class="muted">{visible(version)}</span>
                    </li>
                  ))}
              </ul>
            </Fragment>
          ))}
        </Fragment>
      )}
    </Loaded>
  );
}

type Parts = (Recorded | null)[];

interface Samples {
  seconds: number;
  series: { key: string; min: Parts; max: Parts; last: Parts }[];
}

/** The machine of a run, and its samples over time. */
export function Machine({ run, source }: PartProps) {
  const m = run.record!.machine ?? {};
  return (
    <Fragment>
      <Facts
        list={[
          ["Host", m.host],
          ["CPU", m.cpu],
          ["Cores", m.cores?.toString()],
          ["Memory", m.memory && formatBytes(m.memory)],
          ["GPUs", m.gpus?.join(", ")],
          ["Kernel", m.kernel],
        ]}
      />
      {run.system && (
        <Loaded
          load={() => source.json<Samples>(`machine/${run.id}.json`)}
          keys={[source, run.id]}
          hint={source.live ? undefined : "This page was exported without the machine samples."}
        >
          {({ series }) => (
            <Fragment>
              <div class="run-samples">
                {series.map((s) => (
                  <Sample key={s.key} of={s} />
                ))}
              </div>
              <details>
                <summary class="muted">Table</summary>
                <Rows
                  fit
                  head={["Sample", "#Least", "#Greatest", "#Last"]}
                  rows={series.map((s) => [
                    s.key,
                    withUnit(s.key, Math.min(...numbers(s.min))),
                    withUnit(s.key, Math.max(...numbers(s.max))),
                    withUnit(s.key, numbers(s.last).pop() ?? NaN),
                  ])}
                />
              </details>
            </Fragment>
          )}
        </Loaded>
      )}
    </Fragment>
  );
}

/** The values of the parts of the time that have one. */
const numbers = (list: Parts) => list.filter((v) => v !== null).map((v) => numberOf(v)!);

/** A sample with its unit, which its key implies. */
function withUnit(key: string, v: number): string {
  if (!Number.isFinite(v)) return "";
  if (/memory_bytes$|^process\.memory$/.test(key)) return formatBytes(v);
  return formatNumber(v) + (/temperature$/.test(key) ? " °C" : /power$/.test(key) ? " W" : /(cpu|memory|disk|use)$/.test(key) ? " %" : "");
}

const width = 400;
const height = 60;

/** One machine sample over the time of the run: the range of each part of it, and its last value. */
function Sample({ of }: { of: Samples["series"][number] }) {
  const low = Math.min(...numbers(of.min));
  const high = Math.max(...numbers(of.max));
  const range = low <= high ? `${withUnit(of.key, low)} to ${withUnit(of.key, high)}` : "no numbers";
  const seen = of.last.map((_, i) => i).filter((i) => of.min[i] !== null);
  const points = (list: Parts, order = seen) =>
    order
      .map((i) => {
        const y = (Number(list[i]) - low) / (high - low || 1);
        return `${((i + 0.5) / list.length) * width},${height - 3 - (Number.isFinite(y) ? y : 0) * (height - 6)}`;
      })
      .join(" ");
  return (
    <figure class="run-sample card">
      <figcaption class="bar">
        <b class="grow">{visible(of.key)}</b>
        <span class="muted">{range}</span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={`${of.key} over time: ${range}`}>
        <polygon points={points(of.max) + " " + points(of.min, [...seen].reverse())} />
        <polyline points={points(of.last)} />
      </svg>
    </figure>
  );
}
