/**
 * A run folder as a stream of frames, for a trainer whose files cannot be reached from here: it prints what it writes,
 * and whoever reads its output makes the same folder.
 *
 * A frame is one line, `#forksight N {...}`: N counts from 1, the rest is JSON (`Frame`). Other lines are for a person.
 *
 * | op | what |
 * |---|---|
 * | write | bytes of a file from offset `at` on; whatever the file had from there on goes |
 * | move | a rename, over what is there: a file or a folder that was written under a temporary name is done |
 * | remove | a file or a folder goes |
 * | end | this was all: an output without it was cut off, or its writer killed; `failed` says why the trainer gave up |
 *
 * Each can be done twice in a row with the result of once, and so can all that write a temporary file, which come together,
 * before its move. So a reader that notes N behind every other frame may be killed at any instant, read the whole output
 * again and skip what it has.
 *
 * The writer is python/src/forksight_trl/folder_stream.py.
 */
import { z } from "zod";
import { RUN_FOLDER } from "./folder";

/** At the start of a frame's line. */
const MARK = "#forksight ";

/** Bytes that a `write` carries at most, before compression. */
export const CHUNK = 48 * 1024;

/** Characters of a frame's line at most: base64 of a chunk that compression made no smaller, and the rest. */
export const LONGEST_LINE = 128 * 1024;

const STEP_FILE = /^step-\d{1,9}\.jsonl(\.new)?$/;
const STEP_FOLDER = /^(step-\d{1,9}|\.step-\d{1,9}-new)$/;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const TOP_FILES = new Set<string>(
  [
    RUN_FOLDER.run,
    RUN_FOLDER.status,
    RUN_FOLDER.metrics,
    RUN_FOLDER.log,
  ].flatMap((name) => [name, `${name}.new`]),
);

/**
 * Whether a path, with `/`, is one that a frame may name: the files of a run folder and their temporary names, and
 * nothing else, for the stream comes from another machine.
 */
export function isStreamPath(path: string): boolean {
  const [first, second, third, ...more] = path.split("/");
  if (more.length > 0) return false;
  if (second === undefined) return TOP_FILES.has(first!);
  if (first === RUN_FOLDER.rollouts)
    return third === undefined && STEP_FILE.test(second);
  if (first !== RUN_FOLDER.checkpoints || !STEP_FOLDER.test(second))
    return false;
  return third === undefined || PLAIN_NAME.test(third);
}

/** Whether a path is of a file that a `move` has yet to put in its place. */
export function isTemporary(path: string): boolean {
  return path.endsWith(".new") || path.includes("/.step-");
}

const path = z
  .string()
  .max(200)
  .refine(isStreamPath, "no path of a run folder");

const frame = z.discriminatedUnion("op", [
  z.object({
    op: z.literal("write"),
    path,
    at: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    /** zlib (RFC 1950) in base64. */
    data: z.string().max(LONGEST_LINE),
  }),
  z.object({ op: z.literal("move"), from: path, to: path }),
  z.object({ op: z.literal("remove"), path }),
  z.object({ op: z.literal("end"), failed: z.string().max(4000).optional() }),
]);

export type Frame = z.output<typeof frame>;

/** What a line of the output is. `damaged`: it begins as a frame and is none. */
export type StreamLine =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "frame"; readonly number: number; readonly json: string }
  | { readonly kind: "damaged" };

/** Tells frames from other lines without looking into them, so that those that a reader has cost nothing. */
export function readLine(line: string): StreamLine {
  if (!line.startsWith(MARK)) return { kind: "text", text: line };
  const match = /^([1-9]\d{0,14}) (\{.*\})\r?$/s.exec(line.slice(MARK.length));
  if (!match) return { kind: "damaged" };
  return { kind: "frame", number: Number(match[1]), json: match[2]! };
}

/** The content of a frame; undefined where it is none, or names a path that it must not. */
export function readFrame(json: string): Frame | undefined {
  try {
    return frame.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** The line of a frame, without its line break. @param number from 1 */
export function writeFrame(number: number, content: Frame): string {
  return `${MARK}${number} ${JSON.stringify(content)}`;
}

/** Puts lines together from text that comes in pieces of any length. */
export class Lines {
  private rest = "";

  /** The lines that `piece` completes. A line beyond the limit is cut off there, which damages a frame and no more. */
  add(piece: string): string[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop()!;
    if (this.rest.length > LONGEST_LINE)
      this.rest = this.rest.slice(0, LONGEST_LINE);
    return lines;
  }

  /** The last line, where the text ended without a line break; empty where it did not. */
  end(): string {
    const { rest } = this;
    this.rest = "";
    return rest;
  }
}
