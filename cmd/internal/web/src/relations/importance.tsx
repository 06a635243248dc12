import { Fragment, h } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Matrix } from "../compare/matrix";
import { placeLink, replaceParams } from "../location";
import { Button, count, EmptyState, formatNumber } from "../parts";
import { type Axes, firstMetric, goalOf, titleOf } from "./axes";
import { KeySelect } from "./controls";
import { associate, strength } from "./rank";

/** How strongly each param goes together with a metric, the strongest first. */
export function Importance({ axes, params, selected }: { axes: Axes; params: URLSearchParams; selected: Uint8Array | null }) {
  const t = axes.table;
  const key = params.get("m") || firstMetric(t) || "";
  const [most, setMost] = useState(50);
  const list = useMemo(() => {
    if (!key) return [];
    const all = axes.values(key);
    const metric = selected ? { ...all, numbers: all.numbers.map((v, i) => (selected[i] ? v : NaN)) } : all;
    return t.head.params
      .map((p) => associate(axes.values("params." + p), metric))
      .filter((a) => a.distinct > 1)
      .sort((a, b) => strength(b) - strength(a) || b.n - a.n);
  }, [axes, key, selected]);
  if (!key) {
    return (
      <EmptyState title="No metric">
        <p>
          The runs shown have no metric. <code>runs log loss=0.5</code> records one.
        </p>
      </EmptyState>
    );
  }
  const goal = goalOf(t, key);
  const title = titleOf(t, key);
  return (
    <div>
      <div class="bar relations-bar">
        <KeySelect table={t} label="Params against" value={key} onChange={(k) => replaceParams({ m: k })} />
      </div>
      <p class="muted relations-note">
        Spearman’s rank correlation with {title}, −1 to 1; for texts, how far the groups explain the ranks, 0 to 1. It shows no cause.
      </p>
      {list.length === 0 ? (
        <EmptyState title="Nothing to compare">
          <p>No param varies among the runs that have {title}.</p>
        </EmptyState>
      ) : (
        <Matrix
          label={"Params against " + title}
          head={["Param", ">Correlation", ".Strength", "Larger values come with", ">Runs", ">Missing", ">Values", ".Show"]}
        >
          <tbody>
            {list.slice(0, most).map((a) => (
              <tr key={a.key}>
                <th scope="row">{titleOf(t, a.key)}</th>
                <td class="num">{Number.isNaN(a.rho) ? (Number.isNaN(a.eta2) ? "–" : formatNumber(round(Math.sqrt(a.eta2)))) : formatNumber(round(a.rho))}</td>
                <td>
                  <svg width="120" height="12" aria-hidden="true" class="rank-bar">
                    <line x1="60" x2="60" y1="0" y2="12" />
                    {Number.isNaN(a.rho) ? (
                      <rect class="groups" x="60" y="2" width={60 * Math.sqrt(a.eta2 || 0)} height="8" />
                    ) : (
                      <rect x={a.rho < 0 ? 60 + 60 * a.rho : 60} y="2" width={60 * Math.abs(a.rho)} height="8" />
                    )}
                  </svg>
                </td>
                <td class="muted">{direction(a.rho, a.eta2, goal, a.n)}</td>
                <td class="num">{a.n}</td>
                <td class="num">{a.missing || ""}</td>
                <td class="num">{a.distinct}</td>
                <td>
                  <a href={scatterLink(params, a.key, key)}>Scatter</a>
                </td>
              </tr>
            ))}
          </tbody>
        </Matrix>
      )}
      {list.length > most && (
        <Fragment>
          <Button kind="link" onClick={() => setMost(most + 500)}>
            Show more of {count(list.length, "param")}
          </Button>
        </Fragment>
      )}
    </div>
  );
}

const round = (v: number) => Math.round(v * 1000) / 1000;

function direction(rho: number, eta2: number, goal: string, n: number): string {
  if (Number.isNaN(rho)) return Number.isNaN(eta2) ? (n < 3 ? "too few runs" : "one run a value") : "differs by group";
  if (Math.abs(rho) < 0.1) return "neither";
  const more = rho > 0 ? "more" : "less";
  if (!goal) return more;
  return `${more} (${(goal === "min") === rho < 0 ? "better" : "worse"})`;
}

function scatterLink(params: URLSearchParams, x: string, y: string): string {
  const p = new URLSearchParams(params);
  for (const k of ["view", "sx", "sy", "gx", "gy"]) p.delete(k);
  p.set("x", x);
  p.set("y", y);
  return placeLink(["relations"], p);
}
