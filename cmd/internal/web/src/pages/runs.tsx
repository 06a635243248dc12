import { h } from "preact";
import type { Table } from "../api";
import type { PageProps } from "../app";
import { useLoading } from "../loading";
import { placeLink } from "../location";
import { ErrorBox, PageHead, Status, Time, Waiting } from "../parts";

export function RunsPage({ source }: PageProps) {
  const { value: table, error } = useLoading(() => source.json<Table>("runs.json"), [source]);
  if (error) return <ErrorBox error={error} />;
  if (!table) return <Waiting>Reading the runs…</Waiting>;
  return (
    <div>
    <PageHead title="Runs" />
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
            <td>
              <Status status={table.status[i]} />
            </td>
            <td>
              <Time ms={table.started[i]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
    </div>
  );
}
