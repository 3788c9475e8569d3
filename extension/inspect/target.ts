import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { Conditioning } from "../../core/engine/protocol";
import type { OffsetRange } from "../../core/annotation/tokenLookup";
import type { Extent } from "./annotations";
import { clipTrace } from "./clipTrace";

/** A record as the annotator sees it: what to score, and where its response stands in the virtual document. */
export interface RecordContent {
  readonly response: string;
  readonly conditioning: Conditioning;
  /** UTF-16 offset in the document. */
  readonly responseStart: number;
}

/** What to score, and how its result is put on the document. */
export interface Target {
  readonly extent: Extent;
  readonly text: string;
  readonly conditioning: Conditioning;
  /** UTF-16 offset in the document at which the coloured text starts. */
  readonly regionStart: number;
  /** Code units at the head of `text` that are scored but not coloured. */
  readonly clip: number;
}

/** A whole document of plain text. */
export function wholeTarget(text: string): Target {
  const conditioning = { kind: "none" } as const;
  return { extent: "whole", text, conditioning, regionStart: 0, clip: 0 };
}

/** A part of a plain document; the text before it conditions. */
export function selectionTarget(text: string, selection: OffsetRange): Target {
  const before = text.slice(0, selection.start);
  return {
    extent: "selection",
    text: text.slice(selection.start, selection.end),
    conditioning:
      before === "" ? { kind: "none" } : { kind: "text", text: before },
    regionStart: selection.start,
    clip: 0,
  };
}

/**
 * A record's response under its conditioning. Of a selection in it, the response up to the selection's end is scored,
 * so that prompt and response before it condition as they did when it was written.
 * @returns undefined where the selection holds nothing of the response
 */
export function recordTarget(
  record: RecordContent,
  selection?: OffsetRange,
): Target | undefined {
  const { response, conditioning, responseStart } = record;
  const inResponse = (offset: number) =>
    Math.min(Math.max(0, offset - responseStart), response.length);
  const clip = selection ? inResponse(selection.start) : 0;
  const end = selection ? inResponse(selection.end) : response.length;
  if (end <= clip) return undefined;
  return {
    extent: selection ? "selection" : "record",
    text: response.slice(0, end),
    conditioning,
    regionStart: responseStart + clip,
    clip,
  };
}

/** The coloured part of what was scored for a target. */
export function colouredPart(target: Target, trace: ScoredTrace): ScoredTrace {
  return clipTrace(trace, target.clip);
}
