import { Fragment, h } from "preact";
import { useState } from "preact/hooks";
import { useLoading } from "../loading";
import { Bytes, Button, CopyButton, count, ErrorBox, SearchField, Waiting } from "../parts";
import type { Source } from "../source";
import { type Dataset, type Run, visible } from "./run-data";
import { matches } from "./run-tables";

/** The data of a run, and the files of a dataset when a reader asks for them. */
export function Datasets({ run, source }: { run: Run; source: Source }) {
  const [open, setOpen] = useState(-1);
  return (
    <Fragment>
      <div class="scroll card">
        <table class="run-wide">
          <thead>
            <tr>
              <th>Name</th>
              <th>Place</th>
              <th class="num">Size</th>
              <th class="num">Files</th>
              <th class="num">Rows</th>
              <th>Identity</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {run.record!.datasets!.map((d, i) => (
              <tr key={d.name}>
                <th scope="row">{visible(d.name)}</th>
                <td>{placeOf(d)}</td>
                <td class="num">
                  <Bytes value={d.bytes} />
                </td>
                <td class="num">{d.files.toLocaleString("en-US")}</td>
                <td class="num" title={d.columns && "Columns: " + d.columns.join(", ")}>
                  {d.rows?.toLocaleString("en-US")}
                </td>
                <td class="run-nowrap">
                  <code>{(d.sha256 ?? "dvc " + d.dvc).slice(0, 16)}</code>
                  <CopyButton text={d.sha256 ?? d.dvc ?? ""} label={"Copy the digest of " + d.name} />
                  {d.hash && <span class="muted"> names and sizes only</span>}
                </td>
                <td>
                  {d.manifest && (
                    <Button kind="link" aria-expanded={open === i} onClick={() => setOpen(open === i ? -1 : i)}>
                      {open === i ? "Hide files" : "Files"}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {open >= 0 && <Files key={open} run={run} source={source} dataset={open} />}
    </Fragment>
  );
}

function placeOf(d: Dataset): string {
  if (d.path) return visible(d.path);
  return d.role === "artifact" ? "artifact of this project" : "outside the project";
}

interface Manifest {
  total: number;
  from: number;
  list: { path: string; bytes: number; sha256: string; rows: number | null }[];
}

function Files({ run, source, dataset }: { run: Run; source: Source; dataset: number }) {
  const [find, setFind] = useState("");
  const path = `manifest/${run.id}/${dataset}.json`;
  const asked = source.live ? find : "";
  const { value, error } = useLoading(
    () => source.json<Manifest>(path, asked ? { find: asked } : undefined),
    [source, path, asked],
  );
  if (error) return <ErrorBox error={error} />;
  if (!value) return <Waiting />;
  const list = source.live ? value.list : value.list.filter((f) => f.path.includes(find));
  return (
    <div class="run-sub">
      <div class="bar run-bar">
        <SearchField label="Find a file" value={find} onInput={setFind} delay={150} />
        <span class="muted">
          {count(value.total, "file")}
          {value.list.length < value.total && `, the first ${value.list.length.toLocaleString("en-US")} are listed`}
        </span>
      </div>
      <div class="run-box card" tabIndex={0} role="region" aria-label="Files of the dataset">
        <table>
          <tbody>
            {list.map((f) => (
              <tr key={f.path}>
                <td>{visible(f.path)}</td>
                <td class="num">
                  <Bytes value={f.bytes} />
                </td>
                <td>
                  <code>{f.sha256.slice(0, 12)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

interface EnvironmentAnswer {
  driver: string;
  cuda: string;
  python: string;
  prefix: string;
  packages: { kind: string; list: [string, string][] }[];
  editable: { name: string; version: string; path: string; commit: string; dirty: boolean }[];
  locks: [string, string][];
}

/** Interpreter, variables and packages. */
export function Environment({ run, source }: { run: Run; source: Source }) {
  const env = run.record!.environment!;
  const variables = Object.entries(env.variables ?? {});
  return (
    <Fragment>
      <Pairs
        list={[
          ["Python", env.python],
          ["System", env.os && `${env.os}/${env.arch}`],
        ]}
      />
      {(variables.length > 0 || env.withheld) && (
        <div class="scroll card">
          <table class="run-named">
            <caption class="hidden">Environment variables</caption>
            <tbody>
              {variables.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{visible(name)}</th>
                  <td>{visible(value)}</td>
                </tr>
              ))}
              {env.withheld?.map((name) => (
                <tr key={name}>
                  <th scope="row">{visible(name)}</th>
                  <td class="muted">withheld: it may be a secret</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {env.digest && <Packages run={run} source={source} />}
    </Fragment>
  );
}

function Packages({ run, source }: { run: Run; source: Source }) {
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <p>
        <Button onClick={() => setOpen(true)}>Show {run.packages ? count(run.packages, "package") : "the packages"}</Button>
      </p>
    );
  }
  return <PackageList run={run} source={source} />;
}

function PackageList({ run, source }: { run: Run; source: Source }) {
  const [find, setFind] = useState("");
  const { value, error } = useLoading(() => source.json<EnvironmentAnswer>(`environment/${run.id}.json`), [source, run.id]);
  if (error) return <ErrorBox error={error} />;
  if (!value) return <Waiting />;
  return (
    <Fragment>
      <Pairs
        list={[
          ["Interpreter", value.python],
          ["Prefix", value.prefix],
          ["CUDA", value.cuda],
          ["Driver", value.driver],
          ["Lock files", value.locks.map(([path]) => path).join(", ")],
          ...value.editable.map((d): [string, string] => [
            d.name,
            `${d.version} from ${d.path}${d.commit && " at " + d.commit.slice(0, 12)}${d.dirty ? ", changed" : ""}`,
          ]),
        ]}
      />
      <SearchField label="Find a package" value={find} onInput={setFind} />
      {value.packages.map((p) => (
        <Fragment key={p.kind}>
          <h3 class="run-sub">
            {p.kind} <span class="count">{p.list.length}</span>
          </h3>
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
  );
}

export function Pairs({ list }: { list: [string, string | 0 | undefined][] }) {
  return (
    <dl class="run-facts">
      {list.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{visible(name)}</dt>
              <dd>{visible(value)}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
