import path from "node:path";

/** Scheme of the virtual documents that records open as. */
export const RECORD_SCHEME = "forksight-trace";

/** Which record a virtual document shows. */
export interface RecordAddress {
  /** Absolute path of the file that holds the record. */
  readonly file: string;
  /** Number of the record, from 1. */
  readonly index: number;
}

/**
 * The parts of a record's URI. The query is what counts; the path is what tabs show, and by its form ("Record 1 of ...",
 * a file name pattern in package.json) VS Code knows the language of trace documents.
 */
export function recordUriParts({ file, index }: RecordAddress): {
  readonly scheme: string;
  readonly path: string;
  readonly query: string;
} {
  return {
    scheme: RECORD_SCHEME,
    path: `/Record ${index} of ${path.basename(file)}`,
    query: JSON.stringify({ file, index }),
  };
}

/** Reads back what `recordUriParts` wrote; undefined for any other URI. */
export function parseRecordUri(uri: {
  readonly scheme: string;
  readonly query: string;
}): RecordAddress | undefined {
  if (uri.scheme !== RECORD_SCHEME) return undefined;
  let query: unknown;
  try {
    query = JSON.parse(uri.query);
  } catch {
    return undefined;
  }
  if (typeof query !== "object" || query === null) return undefined;
  const { file, index } = query as { file?: unknown; index?: unknown };
  return typeof file === "string" &&
    path.isAbsolute(file) &&
    Number.isInteger(index) &&
    (index as number) >= 1
    ? { file, index: index as number }
    : undefined;
}
