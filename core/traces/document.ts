/** The read-only document that a record opens as: a header, the prompt, and then the response as it is. */
import type { Conditioning } from "../engine/protocol";
import type { TraceRecord } from "./record";

/** A record written out for an editor. */
export interface TraceDocument {
  readonly text: string;
  /**
   * UTF-16 offset at which the response starts; it runs to the end of the text. Offset i of the response is offset
   * responseStart + i of the document, always: see `traceDocument` on carriage returns.
   */
  readonly responseStart: number;
  /** Line of the record in its file, from 1. */
  readonly sourceLine: number;
  /** UTF-16 length of the response's longest line. */
  readonly longestLine: number;
}

/**
 * VS Code shows no more of a line than this many characters while word wrap is off (`editor.stopRenderingLineAfter`).
 * A response may well be one line, and none of its characters may change, so trace documents are shown with word wrap
 * on: the language `forksight-trace` sets it by default, and where `longestLine` exceeds this the editor must have it.
 */
export const RENDERED_LINE_LIMIT = 10_000;

/** Id of the language of trace documents. */
export const TRACE_LANGUAGE = "forksight-trace";

/** Longest metadata value written into the header. */
const HEADER_VALUE_LIMIT = 160;

/** Shown for a carriage return in the response: one UTF-16 unit for one. */
const CARRIAGE_RETURN_SIGN = "\u240d";

/**
 * Writes out a record.
 *
 * The response is copied character by character but for one thing: an editor would take CR LF, or a lone CR, for a
 * line break of its own and rewrite all of them alike, which would shift every offset behind. A carriage return is
 * therefore shown as U+240D. What the model scores is `record.response`, never this text.
 * @param fileName shown in the header
 */
export function traceDocument(
  record: TraceRecord,
  fileName: string,
): TraceDocument {
  const facts = [
    `Record ${record.index}`,
    `line ${record.line} of ${oneLine(fileName)}`,
  ];
  if (record.reward !== undefined) facts.push(`reward ${record.reward}`);
  const lines = [facts.join(" \u00b7 ")];
  for (const [name, value] of record.metadata)
    lines.push(`${oneLine(name)}: ${shorten(oneLine(value))}`);
  const response = record.response.replaceAll("\r", CARRIAGE_RETURN_SIGN);
  if (response !== record.response)
    lines.push(`${CARRIAGE_RETURN_SIGN} stands for a carriage return`);
  const prompt = promptLines(record.conditioning);
  if (prompt.length > 0) lines.push("", rule("prompt"), ...prompt);
  lines.push("", rule("response"), "");
  const header = lines.join("\n");
  return {
    text: header + response,
    responseStart: header.length,
    sourceLine: record.line,
    longestLine: longestLine(response),
  };
}

/** What conditions the response, as plain lines. */
function promptLines(conditioning: Conditioning): string[] {
  switch (conditioning.kind) {
    case "none":
      return [];
    case "text":
      return plainLines(conditioning.text);
    case "messages":
      return conditioning.messages.flatMap(({ role, content }) => [
        `[${oneLine(role)}]`,
        ...plainLines(content),
      ]);
  }
}

function plainLines(text: string): string[] {
  return text.replace(/\r\n?/g, "\n").split("\n");
}

function rule(title: string): string {
  const line = "\u2500".repeat(12);
  return `${line} ${title} ${line}`;
}

function oneLine(text: string): string {
  return text.replace(/\r\n?|\n/g, "\u23ce");
}

/** Cuts a header's value, never within a surrogate pair. */
function shorten(text: string): string {
  if (text.length <= HEADER_VALUE_LIMIT) return text;
  const head = text.slice(0, HEADER_VALUE_LIMIT - 1);
  return `${head.replace(/[\ud800-\udbff]$/, "")}\u2026`;
}

function longestLine(text: string): number {
  let longest = 0;
  let from = 0;
  while (from <= text.length) {
    const to = text.indexOf("\n", from);
    const end = to < 0 ? text.length : to;
    longest = Math.max(longest, end - from);
    from = end + 1;
  }
  return longest;
}
