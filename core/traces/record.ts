/**
 * One record of a rollouts file, whatever shape it came in: what conditions the model, what is coloured, what is known
 * of it.
 */
import type { Conditioning } from "../engine/protocol";
import { type Answer, readShape } from "./shapes";
import { isObject, type JsonObject, scalarText } from "./jsonValue";

/** Where a record stands in its file. */
export interface RecordPlace {
  /** Counts the records of the file from 1; malformed ones count too, so that numbers stay what they are. */
  readonly index: number;
  /** Source line, from 1. */
  readonly line: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

/** How the record was written. */
export type RecordShape =
  | "prompt-completion"
  | "question-response"
  | "question-answer"
  | "instruction-output"
  | "messages"
  | "trl"
  | "verl"
  | "response";

export interface TraceRecord extends RecordPlace {
  readonly shape: RecordShape;
  /** What stood before the response: raw text, or messages for the model's own chat template. */
  readonly conditioning: Conditioning;
  /** The text to be coloured. Reasoning given apart stands before the answer, in `<think>` tags. */
  readonly response: string;
  readonly reward?: number;
  /** Every other scalar of the record, by name, as text. */
  readonly metadata: readonly (readonly [string, string])[];
}

export type ParsedRecord =
  { readonly kind: "record"; readonly record: TraceRecord } | RecordError;

/** A line, or an element of an array, that holds no record. */
export interface RecordError extends RecordPlace {
  readonly kind: "error";
  /** What is wrong with it and what was expected. */
  readonly message: string;
}

/** Most metadata entries kept. */
const METADATA_LIMIT = 64;

/** Names under which a reward is written, the first that is a number (or true, false) counts. */
const REWARD_NAMES = [
  "reward",
  "score",
  "rewards",
  "total_reward",
  "reward_score",
  "acc",
  "accuracy",
  "correct",
  "is_correct",
];

/**
 * Reads one parsed JSON value as a record.
 *
 * | fields | conditioning | response |
 * |---|---|---|
 * | messages, conversations | the messages before it | the last assistant message |
 * | prompt + completion (TRL's own log: with step, advantage) | text, or messages where they are messages | completion |
 * | input + output (verl's dump: with score, step) | text: verl has rendered the template | output |
 * | question, problem, query, or instruction (+ input) with response, answer, solution, generation, ... | one user message | it |
 * | response or the like alone | nothing | it |
 *
 * `reasoning_content` (or reasoning, thinking) is put before the answer as `<think>\n...\n</think>\n\n`.
 */
export function parseRecord(json: unknown, place: RecordPlace): ParsedRecord {
  const { index, line, offset } = place;
  if (!isObject(json)) {
    const message = `A record is a JSON object with a response in it, such as {"prompt": ..., "completion": ...}; this is ${describe(json)}.`;
    return { kind: "error", index, line, offset, message };
  }
  const answer = readShape(json);
  if ("problem" in answer)
    return { kind: "error", index, line, offset, message: answer.problem };
  const reward = readReward(json);
  const record: TraceRecord = {
    index,
    line,
    offset,
    shape: answer.shape,
    conditioning: answer.conditioning,
    response: answer.response,
    ...(reward && { reward: reward.value }),
    metadata: readMetadata(json, answer, reward?.name),
  };
  return { kind: "record", record };
}

function readReward(
  json: JsonObject,
): { name: string; value: number } | undefined {
  for (const name of REWARD_NAMES) {
    const value = asReward(json[name]);
    if (value !== undefined) return { name, value };
  }
  // TRL logs a column per reward function and no sum; with one function that column is the reward.
  const columns = Object.keys(json).filter(
    (name) => /reward/i.test(name) && asReward(json[name]) !== undefined,
  );
  const only = columns.length === 1 ? columns[0] : undefined;
  return only === undefined
    ? undefined
    : { name: only, value: asReward(json[only])! };
}

function asReward(value: unknown): number | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (Array.isArray(value) && value.length === 1) return asReward(value[0]);
  return undefined;
}

/** Scalars of the record and, one level down as `outer.inner`, of the objects in it. */
function readMetadata(
  json: JsonObject,
  answer: Answer,
  rewardName: string | undefined,
): (readonly [string, string])[] {
  const entries: [string, string][] = [...answer.remarks];
  const add = (name: string, value: unknown) => {
    const text = scalarText(value);
    if (text !== undefined && entries.length < METADATA_LIMIT)
      entries.push([name, text]);
  };
  for (const [name, value] of Object.entries(json)) {
    if (answer.used.has(name) || name === rewardName) continue;
    if (isObject(value)) {
      for (const [inner, nested] of Object.entries(value))
        add(`${name}.${inner}`, nested);
    } else add(name, value);
  }
  return entries;
}

function describe(json: unknown): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "an array";
  return `a ${typeof json}`;
}
