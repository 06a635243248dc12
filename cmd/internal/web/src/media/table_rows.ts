// The rows of a logged table, filtered and sorted. No DOM.

export type Cell = number | string | boolean | null;

export interface Column {
  name: string;
  /** integer, number, boolean, text or mixed; any other type has no cells. */
  type: string;
  cells: Cell[] | null;
}

export interface LoggedTable {
  rows: number;
  shown: number;
  columns: Column[];
}

/** The numbers of the rows that contain a text in any cell, sorted by a column. Missing cells come last. */
export function rowsOf(t: LoggedTable, find: string, sort: number, descending: boolean): number[] {
  const text = find.toLowerCase();
  const rows: number[] = [];
  for (let i = 0; i < t.shown; i++) {
    if (!text || t.columns.some((c) => c.cells && cellText(c.cells[i]).toLowerCase().includes(text))) rows.push(i);
  }
  const cells = t.columns[sort]?.cells;
  if (cells) {
    const numbers = t.columns[sort].type === "number" || t.columns[sort].type === "integer";
    const sign = descending ? -1 : 1;
    rows.sort((a, b) => compareCells(cells[a], cells[b], numbers, sign) || a - b);
  }
  return rows;
}

function compareCells(a: Cell, b: Cell, numbers: boolean, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (numbers) {
    const [x, y] = [Number(a), Number(b)]; // "NaN" and integers of many digits are texts
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x < y ? -1 : x > y ? 1 : 0);
  }
  const [x, y] = [cellText(a), cellText(b)];
  return sign * (x < y ? -1 : x > y ? 1 : 0);
}

export function cellText(v: Cell): string {
  return v === null || v === undefined ? "" : String(v);
}
