import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setImmediate as breathe } from "node:timers/promises";
import type { DataPreview } from "../../core/panels/launchProtocol";
import { type ProblemCheck, readDataLine } from "../../core/tasks/dataSet";
import type { Problem } from "../../core/tasks/problem";
import { shortened, visibleLine } from "../../core/panels/visibleText";

/** Of a larger file only the head is read: the panel shall answer while one types. */
const READ_BYTES = 64 * 1024 * 1024;
/** Milliseconds of parsing between two breaths of the extension host. */
const STRETCH = 15;
const SHOWN_SAMPLES = 3;
const SHOWN_BAD_LINES = 5;
const PROMPT_LIMIT = 300;
const ANSWER_LIMIT = 120;
const MESSAGE_LIMIT = 200;

/** What is read of a data set, beside which setting it belongs to. */
export type DataSetRead = Omit<DataPreview, "field" | "set" | "path"> & {
  /** Length in characters of the longest prompt. */
  readonly longestPrompt: number;
  /** Mean length in characters of the prompts. */
  readonly meanPrompt: number;
};

/**
 * Reads a data set as the trainer will: its first problems, the count of all, and the bad lines. What comes back holds
 * no control characters. Never throws for what is wrong with the file.
 * @throws what `signal` aborts with
 */
export async function readDataSet(
  file: string,
  check: ProblemCheck,
  signal: AbortSignal,
): Promise<DataSetRead> {
  const samples: { prompt: string; answer: string }[] = [];
  const bad: { line: number; message: string }[] = [];
  let [count, badCount, longestPrompt, characters] = [0, 0, 0, 0];
  const result = (isPartial: boolean, problem?: string): DataSetRead => ({
    count,
    isPartial,
    samples,
    badCount,
    bad,
    longestPrompt,
    meanPrompt: count === 0 ? 0 : characters / count,
    ...(problem !== undefined && { problem }),
  });
  try {
    const facts = await stat(file);
    if (!facts.isFile()) return result(false, "this is not a file");
    const isPartial = facts.size > READ_BYTES;
    const stream = createReadStream(file, { end: READ_BYTES - 1, signal });
    let number = 0;
    let began = performance.now();
    for await (const line of createInterface({
      input: stream,
      crlfDelay: Infinity,
    })) {
      number += 1;
      const read = readDataLine(
        number === 1 ? line.replace(/^\uFEFF/, "") : line,
        check,
      );
      if (read.kind === "problem") {
        const { length } = textOf(read.problem);
        count += 1;
        characters += length;
        longestPrompt = Math.max(longestPrompt, length);
        if (samples.length < SHOWN_SAMPLES)
          samples.push(sampleOf(read.problem));
      } else if (read.kind === "bad") {
        badCount += 1;
        if (bad.length < SHOWN_BAD_LINES)
          bad.push({
            line: number,
            message: inert(read.message, MESSAGE_LIMIT),
          });
      }
      if (performance.now() - began > STRETCH) {
        await breathe();
        signal.throwIfAborted();
        began = performance.now();
      }
    }
    // The cut goes through a line.
    if (isPartial && bad.at(-1)?.line === number) bad.pop();
    if (isPartial && badCount > 0) badCount -= 1;
    return result(
      isPartial,
      count + badCount === 0 ? "this file holds no problems" : undefined,
    );
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    return result(
      false,
      code === "ENOENT"
        ? "there is no such file"
        : `cannot be read: ${inert(message, MESSAGE_LIMIT)}`,
    );
  }
}

function textOf({ prompt }: Problem): string {
  return typeof prompt === "string"
    ? prompt
    : prompt.map(({ content }) => content).join("\n");
}

function sampleOf(problem: Problem): { prompt: string; answer: string } {
  const { columns, completion } = problem;
  const answer = columns.answer ?? columns.solution ?? columns.ground_truth;
  const shown =
    answer !== undefined
      ? answer
      : Array.isArray(columns.numbers)
        ? `${String(columns.target)} from ${columns.numbers.join(", ")}`
        : completion;
  return {
    prompt: inert(textOf(problem), PROMPT_LIMIT),
    answer: inert(
      typeof shown === "string" ? shown : (JSON.stringify(shown) ?? ""),
      ANSWER_LIMIT,
    ),
  };
}

/** One line in which white space is as it was and control characters show. */
export function inert(text: string, limit: number): string {
  return shortened(visibleLine(text.slice(0, 4 * limit)), limit);
}
