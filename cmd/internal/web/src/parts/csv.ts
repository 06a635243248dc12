// Tables as text for other programs. No DOM.

/**
 * Writes rows as CSV (RFC 4180). Names and keys come from whoever recorded a run, and a spreadsheet runs a cell that
 * begins like a formula: such a cell begins with an apostrophe instead, also after the separators of other places.
 */
export function toCSV(rows: readonly (readonly string[])[]): string {
  const cell = (s: string) => {
    const number = s === "" || !Number.isNaN(Number(s)) || /^[+-]?(inf|nan)$/i.test(s);
    const safe = number ? s : s.replace(/(^|[;\t\r\n])(?=["\s]*[=+\-@\t\r])/g, "$1'");
    return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}
