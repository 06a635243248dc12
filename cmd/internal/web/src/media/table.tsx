import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type Artifact } from "../pages/run-data";
import { Loaded } from "../pages/run-parts";
import { Button, count, formatNumber, IconButton, SearchField, visible } from "../parts";
import { useBlob } from "./bytes";
import { away, type MediaProps } from "./props";
import { type Cell, type Column, cellText, type LoggedTable, rowsOf } from "./table_rows";

const perPage = 25;
const longCell = 200;

/** A logged table: sorted by a column, filtered, in pages. Cells that name an image of the run show it. */
export function TableView({ artifact, run, source }: MediaProps & { artifact: Artifact }) {
  const path = artifact.place === "here" ? `table/${run.id}/${artifact.sha256}.json` : undefined;
  if (!path) return <p class="muted">{away}</p>;
  return (
    <Loaded load={() => source.json<LoggedTable>(path)} keys={[source, path]}>
      {(t) => <Paged table={t} run={run} source={source} />}
    </Loaded>
  );
}

function Paged({ table: t, run, source }: MediaProps & { table: LoggedTable }) {
  const [find, setFind] = useState("");
  const [[sort, descending], setSort] = useState<[number, boolean]>([-1, false]);
  const [page, setPage] = useState(0);
  const images = useMemo(() => {
    const named = (run.artifacts?.list ?? []).filter((a) => a.kind === "image" && a.place === "here");
    return new Map(named.map((a) => [a.path, a]));
  }, [run.artifacts]);
  const rows = useMemo(() => rowsOf(t, find, sort, descending), [t, find, sort, descending]);
  const pages = Math.max(1, Math.ceil(rows.length / perPage));
  const now = Math.min(page, pages - 1);
  return (
    <Fragment>
      <div class="bar run-sub">
        <SearchField label="Find in the table" value={find} onInput={setFind} delay={120} />
        <span class="muted">
          {count(find ? rows.length : t.rows, "row")}
          {t.shown < t.rows && `; only the first ${t.shown.toLocaleString("en-US")} of ${t.rows.toLocaleString("en-US")} are read`}
        </span>
        {pages > 1 && (
          <span class="bar">
            <IconButton icon="left" label="Earlier rows" disabled={now === 0} onClick={() => setPage(now - 1)} />
            <span class="num">
              {now + 1} of {pages}
            </span>
            <IconButton icon="right" label="Later rows" disabled={now === pages - 1} onClick={() => setPage(now + 1)} />
          </span>
        )}
        {sort >= 0 && <Button onClick={() => setSort([-1, false])}>Order as logged</Button>}
      </div>
      <div class="scroll card media-box">
        <table class="media-table">
          <thead>
            <tr>
              {t.columns.map((c, i) => (
                <th
                  key={i}
                  class={isNumber(c) ? "num" : undefined}
                  aria-sort={sort === i ? (descending ? "descending" : "ascending") : undefined}
                >
                  <button type="button" class="quiet" onClick={() => setSort([i, sort === i && !descending])} disabled={!c.cells}>
                    {visible(c.name)}
                    {sort === i && (descending ? " ↓" : " ↑")}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(now * perPage, (now + 1) * perPage).map((row) => (
              <tr key={row}>
                {t.columns.map((c, i) => (
                  <td key={i} class={isNumber(c) ? "num" : undefined}>
                    {c.cells ? (
                      <CellView cell={c.cells[row]} images={images} run={run} source={source} />
                    ) : (
                      <span class="muted">{c.type}</span>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Fragment>
  );
}

function isNumber(c: Column): boolean {
  return c.type === "number" || c.type === "integer";
}

function CellView({ cell, images, run, source }: MediaProps & { cell: Cell; images: Map<string, Artifact> }) {
  if (typeof cell === "number") return <Fragment>{formatNumber(cell)}</Fragment>;
  const image = typeof cell === "string" ? images.get(cell) : undefined;
  if (image) return <CellImage artifact={image} run={run} source={source} />;
  const text = visible(cellText(cell));
  return <span title={text.length > longCell ? text.slice(0, 2000) : undefined}>{text.length > longCell ? text.slice(0, longCell) + "…" : text}</span>;
}

function CellImage({ artifact: a, run, source }: MediaProps & { artifact: Artifact }) {
  const { url, error } = useBlob(source, `image/${run.id}/${a.sha256}.bin`, /^image\//);
  if (error) return <span class="muted">{error.message}</span>;
  return url ? <img class="media-cell" src={url} alt={visible(a.caption || a.path.split("/").pop()!)} /> : <Fragment />;
}
