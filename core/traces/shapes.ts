/** The shapes that records come in: which field conditions and which is the response. */
import type { ChatMessage, Conditioning } from "../engine/protocol";
import { isObject, type JsonObject } from "./jsonValue";
import type { RecordShape } from "./record";

/** What a record's shape yields. */
export interface Answer {
  readonly shape: RecordShape;
  readonly conditioning: Conditioning;
  readonly response: string;
  /** Names of the fields that went into conditioning and response. */
  readonly used: ReadonlySet<string>;
  /** What a reader should know of how it was read, as metadata. */
  readonly remarks: readonly [string, string][];
}

interface Problem {
  readonly problem: string;
}

/** Fields that hold a conversation. */
const CONVERSATION = ["messages", "conversations", "conversation", "dialogue"];
/** Fields that hold a text as the model read it. */
const RAW = ["prompt", "input"];
/** Fields that hold what a user asked, for the chat template to wrap. */
const ASKED = ["question", "problem", "query", "instruction"];
/** Fields that hold what the model wrote, in order of precedence. */
const WRITTEN = [
  "completion",
  "response",
  "output",
  "generation",
  "completions",
  "responses",
  "generations",
  "outputs",
  "model_output",
  "solution",
  "answer",
  "text",
];
/** Reasoning that a server gives apart from the answer. */
const REASONING = ["reasoning_content", "reasoning", "thinking"];

const EXPECTED =
  "Expected one of: messages; prompt + completion; question + response or answer; input + output; or a response alone.";

/** Finds the shape of a record. Never throws. */
export function readShape(json: JsonObject): Answer | Problem {
  for (const name of CONVERSATION) {
    if (Array.isArray(json[name])) return readConversation(json, name);
  }
  const written = WRITTEN.find((name) => isFilled(json[name]));
  if (written === undefined) {
    const blank = WRITTEN.find((name) => json[name] === "");
    return {
      problem: blank
        ? `The response ("${blank}") is empty: there is nothing to colour.`
        : `No response found among the fields ${listNames(json)}. ${EXPECTED}`,
    };
  }
  const response = readWritten(json, written);
  if ("problem" in response) return response;
  const asked = readAsked(json, written);
  if ("problem" in asked) return asked;
  const conditioning = join(asked.conditioning, response.before);
  return {
    shape: shapeOf(json, asked.name, written),
    conditioning,
    response: response.text,
    used: new Set([...asked.used, ...response.used]),
    remarks: response.remarks,
  };
}

function readConversation(json: JsonObject, name: string): Answer | Problem {
  const messages = readMessages(json[name] as readonly unknown[], name);
  if ("problem" in messages) return messages;
  const split = splitAtLastAnswer(messages.list, name);
  if ("problem" in split) return split;
  return {
    shape: "messages",
    conditioning: asConditioning(split.before),
    response: split.response,
    used: new Set([name]),
    remarks: [],
  };
}

interface Written {
  readonly text: string;
  /** Messages of a conversational completion that stand before its last answer. */
  readonly before: readonly ChatMessage[];
  readonly used: readonly string[];
  readonly remarks: readonly [string, string][];
}

/** The response: a string, a list of messages (TRL's conversational form), one message, or several samples. */
function readWritten(json: JsonObject, name: string): Written | Problem {
  let value = json[name];
  const remarks: [string, string][] = [];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    if (value.length > 1) remarks.push([name, `1 of ${value.length} is shown`]);
    value = value[0];
  }
  if (typeof value === "string") {
    const reasoningName = REASONING.find(
      (one) => typeof json[one] === "string" && json[one] !== "",
    );
    const text = reasoningName
      ? withReasoning(json[reasoningName] as string, value)
      : value;
    if (text === "") return { problem: `The response ("${name}") is empty.` };
    const used = reasoningName ? [name, reasoningName] : [name];
    return { text, before: [], used, remarks };
  }
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  const messages = readMessages(list, name);
  if ("problem" in messages) return messages;
  const split = splitAtLastAnswer(messages.list, name);
  if ("problem" in split) return split;
  return { text: split.response, before: split.before, used: [name], remarks };
}

interface Asked {
  readonly name: string | undefined;
  readonly conditioning: Conditioning;
  readonly used: readonly string[];
}

function readAsked(json: JsonObject, written: string): Asked | Problem {
  const asked = ASKED.find((name) => isFilled(json[name]));
  if (asked !== undefined && typeof json[asked] === "string") {
    // Alpaca's form: the instruction and, apart, what it is about.
    const input = asked === "instruction" ? json["input"] : undefined;
    const about = typeof input === "string" && input !== "" ? input : undefined;
    const content = about ? `${json[asked]}\n\n${about}` : json[asked];
    const system = typeof json["system"] === "string" ? json["system"] : "";
    const messages = [{ role: "user", content }];
    if (system !== "") messages.unshift({ role: "system", content: system });
    const used = [asked];
    if (about) used.push("input");
    if (system !== "") used.push("system");
    return { name: asked, conditioning: { kind: "messages", messages }, used };
  }
  for (const name of RAW) {
    const value = json[name];
    if (name === written || !isFilled(value)) continue;
    if (typeof value === "string") {
      const conditioning = { kind: "text", text: value } as const;
      return { name, conditioning, used: [name] };
    }
    const messages = readMessages(
      Array.isArray(value) ? (value as unknown[]) : [value],
      name,
    );
    if ("problem" in messages) return messages;
    const conditioning = asConditioning(messages.list.map(plainMessage));
    return { name, conditioning, used: [name] };
  }
  return { name: undefined, conditioning: { kind: "none" }, used: [] };
}

function shapeOf(
  json: JsonObject,
  asked: string | undefined,
  written: string,
): RecordShape {
  if (asked === undefined) return "response";
  if (asked === "input") return "verl";
  if (asked === "prompt") {
    const logged = "advantage" in json && "step" in json;
    return logged ? "trl" : "prompt-completion";
  }
  if (asked === "instruction") return "instruction-output";
  return written === "answer" || written === "solution"
    ? "question-answer"
    : "question-response";
}

/** A message before its reasoning is folded into its content. */
interface ReadMessage extends ChatMessage {
  readonly reasoning: string | undefined;
}

function readMessages(
  values: readonly unknown[],
  name: string,
): { readonly list: readonly ReadMessage[] } | Problem {
  const list: ReadMessage[] = [];
  for (const [i, value] of values.entries()) {
    const place = `"${name}", message ${i + 1}`;
    if (!isObject(value)) {
      return {
        problem: `${place}: a message is an object with role and content.`,
      };
    }
    const role = readRole(value);
    if (role === undefined)
      return { problem: `${place} has no role ("user", "assistant", ...).` };
    const content = readContent(value["content"] ?? value["value"]);
    if (content === undefined)
      return {
        problem: `${place} has a content that is neither text nor text parts.`,
      };
    const reasoningName = REASONING.find(
      (one) => typeof value[one] === "string" && value[one] !== "",
    );
    const reasoning = reasoningName
      ? (value[reasoningName] as string)
      : undefined;
    list.push({ role, content, reasoning });
  }
  return { list };
}

/** `role`, or ShareGPT's `from` with its own names. */
function readRole(message: JsonObject): string | undefined {
  const role = message["role"] ?? message["from"];
  if (typeof role !== "string" || role === "") return undefined;
  if (role === "human") return "user";
  if (role === "gpt" || role === "model") return "assistant";
  return role;
}

/** Text, or the text parts of a multi-part content joined; an absent content (a call of a tool) is empty. */
function readContent(content: unknown): string | undefined {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  const parts = content.map((part: unknown) => {
    if (typeof part === "string") return part;
    if (isObject(part) && typeof part["text"] === "string") return part["text"];
    return "";
  });
  return parts.join("");
}

function splitAtLastAnswer(
  messages: readonly ReadMessage[],
  name: string,
):
  | { readonly before: readonly ChatMessage[]; readonly response: string }
  | Problem {
  const last = messages.findLastIndex((one) => one.role === "assistant");
  if (last < 0) {
    return {
      problem: `"${name}" has no message of the role "assistant": there is no response to colour.`,
    };
  }
  const { content, reasoning } = messages[last]!;
  const response = reasoning ? withReasoning(reasoning, content) : content;
  if (response === "")
    return { problem: `"${name}": the last assistant message is empty.` };
  return { before: messages.slice(0, last).map(plainMessage), response };
}

/** Chat templates leave out the reasoning of earlier turns, and so does this. */
function plainMessage({ role, content }: ReadMessage): ChatMessage {
  return { role, content };
}

/** As Qwen3's chat template writes it. */
function withReasoning(reasoning: string, content: string): string {
  const inner = reasoning.replace(/^\n+/, "").replace(/\n+$/, "");
  return `<think>\n${inner}\n</think>\n\n${content.replace(/^\n+/, "")}`;
}

function asConditioning(messages: readonly ChatMessage[]): Conditioning {
  return messages.length === 0
    ? { kind: "none" }
    : { kind: "messages", messages };
}

/** Puts the earlier turns of a conversational completion behind the prompt. */
function join(
  conditioning: Conditioning,
  before: readonly ChatMessage[],
): Conditioning {
  if (before.length === 0) return conditioning;
  if (conditioning.kind === "messages")
    return {
      kind: "messages",
      messages: [...conditioning.messages, ...before],
    };
  const asked: ChatMessage[] =
    conditioning.kind === "text"
      ? [{ role: "user", content: conditioning.text }]
      : [];
  return { kind: "messages", messages: [...asked, ...before] };
}

/** Whether a field says anything. */
function isFilled(value: unknown): boolean {
  if (typeof value === "string") return value !== "";
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value);
}

function listNames(json: JsonObject): string {
  const names = Object.keys(json);
  if (names.length === 0) return "(none)";
  const shown = names.slice(0, 12).map((name) => `"${name.slice(0, 40)}"`);
  return names.length > 12 ? `${shown.join(", ")}, ...` : shown.join(", ");
}
