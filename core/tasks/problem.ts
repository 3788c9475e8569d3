/** A problem of a data set: a prompt, and the columns that its reward reads. */
import type { ChatMessage } from "../engine/protocol";

export interface Problem {
  /** Text that the model continues as it stands, or messages for its chat template. TRL's `prompt`. */
  readonly prompt: string | readonly ChatMessage[];
  /** What the user says in it: the text, or the last user message's. */
  readonly userText: string;
  /** Everything else of the record, as TRL hands it to reward functions. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** For supervised fine-tuning: what the model shall write. */
  readonly completion?: string;
}

export type ParsedProblem =
  | { readonly ok: true; readonly problem: Problem }
  | { readonly ok: false; readonly message: string };

const EXPECTED =
  "expected an object with `prompt` (text, or messages), `question`, `problem` or `messages`";

/** Reads a record of a data set. */
export function parseProblem(json: unknown): ParsedProblem {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return { ok: false, message: EXPECTED };
  const record = json as Record<string, unknown>;
  const asked = ["question", "problem"].find(
    (name) => typeof record[name] === "string",
  );
  const name =
    record.prompt !== undefined
      ? "prompt"
      : record.messages !== undefined
        ? "messages"
        : asked;
  if (name === undefined) return { ok: false, message: EXPECTED };
  const { [name]: value, completion, ...columns } = record;
  const prompt =
    typeof value === "string"
      ? name === asked
        ? [{ role: "user", content: value }]
        : value
      : readMessages(value);
  if (prompt === undefined || prompt.length === 0) {
    return {
      ok: false,
      message: `\`${name}\` is neither a text nor a list of messages with role and content`,
    };
  }
  const written = completionText(completion);
  // A conversation that ends with the assistant's words holds its own completion.
  const last = typeof prompt === "string" ? undefined : prompt.at(-1);
  if (typeof prompt !== "string" && last?.role === "assistant") {
    const asking = prompt.slice(0, -1);
    return asking.length === 0
      ? { ok: false, message: `\`${name}\` holds only the assistant's words` }
      : found(asking, columns, written ?? last.content);
  }
  return found(prompt, columns, written);
}

function found(
  prompt: string | readonly ChatMessage[],
  columns: Record<string, unknown>,
  completion: string | undefined,
): ParsedProblem {
  const userText =
    typeof prompt === "string"
      ? prompt
      : (prompt.findLast((message) => message.role === "user")?.content ?? "");
  return {
    ok: true,
    problem: {
      prompt,
      userText,
      columns,
      ...(completion === undefined ? {} : { completion }),
    },
  };
}

function readMessages(value: unknown): ChatMessage[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const messages: ChatMessage[] = [];
  for (const one of value as unknown[]) {
    if (typeof one !== "object" || one === null) return undefined;
    const { role, content } = one as Record<string, unknown>;
    if (typeof role !== "string" || typeof content !== "string")
      return undefined;
    messages.push({ role, content });
  }
  return messages;
}

/** TRL's conversational data sets write a completion as messages. */
function completionText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return readMessages(value)?.find(({ role }) => role === "assistant")?.content;
}
