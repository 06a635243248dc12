import { h } from "preact";
import type { Table } from "../api";
import type { PageProps } from "../app";
import { useLoading } from "../loading";
import { placeLink } from "../location";

export function RunsPage({ source }: PageProps) {
  const { value: table, error } = useLoading(() => source.json<Table>("runs.json"), [source]);
  if (error) return <p role="alert">{error.message}</p>;
  if (!table) return <p>Reading the runs…</p>;
  return (
    <table>
      <thead>
        <tr>
          <th>Name</th>
          <th>Status</th>
          <th>Started</th>
        </tr>
      </thead>
      <tbody>
        {table.ids.map((id, i) => (
          <tr key={id}>
            <td>
              <a href={placeLink(["run", id])}>{table.names[i] || id}</a>
            </td>
            <td>{table.status[i]}</td>
            <td>{new Date(table.started[i]).toLocaleString()}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
