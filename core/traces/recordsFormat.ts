/** Telling a file of records from a plain trace, by its name and its first bytes. */
import { isObject } from "./jsonValue";
import { parseJsonBytes } from "./parseJson";
import { readShape } from "./shapes";

/** jsonl: one record a line. json: an array of records, an object that holds one, or one record. */
export type RecordsFormat = "jsonl" | "json";

/** Bytes that `recordsFormat` wants to see of a file (all of a shorter one). */
export const HEAD_BYTES = 64 * 1024;

/**
 * How a file's records are to be read; undefined where it is a plain trace (text or Markdown), coloured as a whole.
 *
 * .jsonl and .ndjson are lines of records. .json is read as JSON unless its first line is an object of its own and
 * another follows. Markdown is always a plain trace; any other name (.txt, .log, none) is one too, unless its first
 * line is a whole record.
 * @param head the file's first HEAD_BYTES bytes
 */
export function recordsFormat(
  fileName: string,
  head: Uint8Array,
): RecordsFormat | undefined {
  const extension = /\.([^./\\]+)$/.exec(fileName.toLowerCase())?.[1] ?? "";
  switch (extension) {
    case "jsonl":
    case "ndjson":
    case "jsonlines":
      return "jsonl";
    case "json":
      return isFollowedByAnother(head) ? "jsonl" : "json";
    case "md":
    case "markdown":
      return undefined;
    default:
      return startsWithRecord(head) ? "jsonl" : undefined;
  }
}

const LF = 0x0a;
const OPEN_OBJECT = 0x7b;

/** Whether the first line that is not blank is an object, and a line behind it begins one more. */
function isFollowedByAnother(head: Uint8Array): boolean {
  const { line, rest } = firstLine(head);
  return firstByte(rest) === OPEN_OBJECT && objectOf(line) !== undefined;
}

function startsWithRecord(head: Uint8Array): boolean {
  const { line } = firstLine(head);
  const object = objectOf(line);
  return object !== undefined && !("problem" in readShape(object));
}

function objectOf(line: Uint8Array) {
  if (firstByte(line) !== OPEN_OBJECT) return undefined;
  const parsed = parseJsonBytes(line, false);
  return parsed.kind === "value" && isObject(parsed.value)
    ? parsed.value
    : undefined;
}

/** The first line that has something on it, and what follows it. */
function firstLine(head: Uint8Array): { line: Uint8Array; rest: Uint8Array } {
  let from = 0;
  for (;;) {
    const at = head.indexOf(LF, from);
    const line = head.subarray(from, at < 0 ? head.length : at);
    if (at < 0) return { line, rest: new Uint8Array() };
    if (firstByte(line) !== undefined)
      return { line, rest: head.subarray(at + 1) };
    from = at + 1;
  }
}

/** The first byte that is neither white space nor of a byte order mark. */
function firstByte(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => byte > 0x20 && byte < 0x80);
}
