/** Rows as comma-separated values (RFC 4180), numbers with all their digits. */

/** A cell. Numbers that are not finite, and null, are empty. */
export type CsvValue = string | number | null;

/** One row with its line break. */
export function csvRow(values: readonly CsvValue[]): string {
  return `${values.map(cell).join(",")}\r\n`;
}

function cell(value: CsvValue): string {
  if (value === null) return "";
  if (typeof value === "number")
    return Number.isFinite(value) ? `${value}` : "";
  // Spreadsheets would run a text that begins so as a formula; names come from files of anyone.
  const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
