import { describe, expect, it } from "vitest";
import {
  parseRecord,
  type RecordShape,
  type TraceRecord,
} from "../../../core/traces/record";

const PLACE = { index: 3, line: 4, offset: 100 };

function recordOf(json: unknown): TraceRecord {
  const parsed = parseRecord(json, PLACE);
  if (parsed.kind === "error") throw new Error(parsed.message);
  return parsed.record;
}

function problemOf(json: unknown): string {
  const parsed = parseRecord(json, PLACE);
  if (parsed.kind === "record") throw new Error("this should be an error");
  expect(parsed).toMatchObject(PLACE);
  return parsed.message;
}

const text = (value: string) => ({ kind: "text", text: value });
const user = (content: string) => ({
  kind: "messages",
  messages: [{ role: "user", content }],
});

describe("shapes that people have", () => {
  const shapes: [string, unknown, RecordShape, unknown, string][] = [
    [
      "prompt and completion",
      { prompt: "2+2=", completion: "4" },
      "prompt-completion",
      text("2+2="),
      "4",
    ],
    [
      "TRL conversational",
      {
        prompt: [{ role: "user", content: "2+2?" }],
        completion: [{ role: "assistant", content: "4" }],
      },
      "prompt-completion",
      user("2+2?"),
      "4",
    ],
    [
      "a completion in several turns",
      {
        prompt: [{ role: "user", content: "2+2?" }],
        completion: [
          { role: "assistant", content: null, tool_calls: [] },
          { role: "tool", content: "4" },
          { role: "assistant", content: "It is 4." },
        ],
      },
      "prompt-completion",
      {
        kind: "messages",
        messages: [
          { role: "user", content: "2+2?" },
          { role: "assistant", content: "" },
          { role: "tool", content: "4" },
        ],
      },
      "It is 4.",
    ],
    [
      "TRL's log of completions",
      {
        step: 40,
        prompt: "<|im_start|>user\n2+2?",
        completion: "4",
        accuracy_reward: 1,
        advantage: 0.7,
      },
      "trl",
      text("<|im_start|>user\n2+2?"),
      "4",
    ],
    [
      "verl's dump",
      { input: "user\n2+2?\nassistant\n", output: "4", score: 1, step: 3 },
      "verl",
      text("user\n2+2?\nassistant\n"),
      "4",
    ],
    [
      "question and response",
      { question: "2+2?", response: "4" },
      "question-response",
      user("2+2?"),
      "4",
    ],
    [
      "question and answer",
      { question: "2+2?", answer: "4" },
      "question-answer",
      user("2+2?"),
      "4",
    ],
    [
      "problem and generations, the solution left to metadata",
      { problem: "2+2?", solution: "4", generations: ["Four.", "Five."] },
      "question-response",
      user("2+2?"),
      "Four.",
    ],
    [
      "instruction, input and output",
      { instruction: "Add.", input: "2 and 2", output: "4" },
      "instruction-output",
      user("Add.\n\n2 and 2"),
      "4",
    ],
    [
      "messages, the last answer counts and the question after it does not",
      {
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: [{ type: "text", text: "2+2?" }] },
          { role: "assistant", content: "<think>easy</think>4" },
          { role: "user", content: "Sure?" },
        ],
      },
      "messages",
      {
        kind: "messages",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "2+2?" },
        ],
      },
      "<think>easy</think>4",
    ],
    [
      "ShareGPT's names",
      {
        conversations: [
          { from: "human", value: "2+2?" },
          { from: "gpt", value: "4" },
        ],
      },
      "messages",
      user("2+2?"),
      "4",
    ],
    ["a response alone", { response: "4" }, "response", { kind: "none" }, "4"],
    [
      "a prompt of messages with a plain response",
      { prompt: [{ role: "user", content: "2+2?" }], response: "4" },
      "prompt-completion",
      user("2+2?"),
      "4",
    ],
  ];

  it.each(shapes)("%s", (_, json, shape, conditioning, response) => {
    const record = recordOf(json);
    expect(record).toMatchObject({ ...PLACE, shape, response });
    expect(record.conditioning).toEqual(conditioning);
  });
});

describe("reasoning apart from the answer", () => {
  it("stands in <think> tags before it, as Qwen3's template writes it", () => {
    const messages = [
      { role: "user", content: "2+2?" },
      {
        role: "assistant",
        reasoning_content: "\nTwo and two.\n",
        content: "\n\n4",
      },
    ];
    const expected = "<think>\nTwo and two.\n</think>\n\n4";
    expect(recordOf({ messages }).response).toBe(expected);
    const flat = { question: "2+2?", reasoning: "Two and two.", answer: "4" };
    expect(recordOf(flat).response).toBe(expected);
    expect(recordOf(flat).metadata).toEqual([]);
  });

  it("of earlier turns does not condition, as in chat templates", () => {
    const messages = [
      { role: "user", content: "a" },
      { role: "assistant", reasoning_content: "hidden", content: "b" },
      { role: "user", content: "c" },
      { role: "assistant", content: "d" },
    ];
    expect(JSON.stringify(recordOf({ messages }).conditioning)).not.toContain(
      "hidden",
    );
  });
});

describe("reward and metadata", () => {
  it.each([
    [{ reward: 0.5, score: 1 }, 0.5],
    [{ score: 1 }, 1],
    [{ rewards: [0.25] }, 0.25],
    [{ acc: true }, 1],
    [{ is_correct: false }, 0],
    [{ reward: null, score: 2 }, 2],
    [{ countdown_reward: 0.1 }, 0.1],
    [{ format_reward: 1, accuracy_reward: 0 }, undefined],
    [{ reward: "high" }, undefined],
    [{}, undefined],
  ])("%j gives the reward %j", (fields, reward) => {
    expect(recordOf({ response: "x", ...fields }).reward).toBe(reward);
  });

  it("keeps every other scalar, one level deep", () => {
    const record = recordOf({
      prompt: "p",
      completion: "c",
      reward: 1,
      acc: true,
      step: 40,
      source: "aime",
      tags: ["a", "b"],
      reward_model: { style: "rule", ground_truth: "4", deep: { x: 1 } },
      nothing: null,
      matrix: [[1], [2]],
    });
    expect(record.metadata).toEqual([
      ["acc", "true"],
      ["step", "40"],
      ["source", "aime"],
      ["tags", "a, b"],
      ["reward_model.style", "rule"],
      ["reward_model.ground_truth", "4"],
    ]);
  });

  it("says where one of several samples is shown", () => {
    const record = recordOf({ prompt: "p", completions: ["a", "b", "c"] });
    expect(record.metadata).toEqual([["completions", "1 of 3 is shown"]]);
  });
});

describe("what is no record", () => {
  it.each([
    [null, "null"],
    [[1], "an array"],
    ["text", "a string"],
    [{ prompt: "p" }, 'No response found among the fields "prompt"'],
    [{}, "(none)"],
    [{ prompt: "p", completion: "" }, '"completion") is empty'],
    [{ messages: [] }, 'no message of the role "assistant"'],
    [{ messages: ["hi"] }, "message 1"],
    [{ messages: [{ content: "x" }] }, "has no role"],
    [{ messages: [{ role: "assistant", content: 5 }] }, "neither text"],
    [{ messages: [{ role: "assistant", content: "" }] }, "is empty"],
    [{ prompt: [3], completion: "x" }, '"prompt", message 1'],
    [{ completions: [[{ role: "assistant", content: "x" }]] }, "message 1"],
  ])("%j is an error that says so", (json, expected) => {
    expect(problemOf(json)).toContain(expected);
  });
});
