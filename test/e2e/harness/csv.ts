import { readFileSync } from "node:fs";

/** A CSV without quoted cells, a record a row. */
export function csvRecords(file: string): Record<string, string>[] {
  const [head = "", ...rows] = readFileSync(file, "utf8")
    .trimEnd()
    .split("\r\n");
  const names = head.split(",");
  return rows.map((row) => {
    const cells = row.split(",");
    return Object.fromEntries(names.map((name, i) => [name, cells[i]!]));
  });
}
