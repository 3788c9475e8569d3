import { withoutCarriageReturns } from "../../core/annotation/unixText";
import { Template } from "@huggingface/jinja";
import type { ChatMessage, Conditioning } from "../../core/engine/protocol";
import type { Model } from "../addon/binding";
import { EngineFailure } from "./failure";

/** Token ids of a trace: what conditions it, and what is coloured. */
export interface TraceTokens {
  /** The conditioning's ids followed by the text's. */
  readonly ids: Int32Array;
  /** How many of them only condition. */
  readonly from: number;
}

/**
 * Tokenises a text behind its conditioning. Both are tokenised apart, so that no token spans their border; text such
 * as `<think>` becomes the special token where the model has one. A BOS token stands in front where the model wants
 * one: it conditions, too.
 * @throws EngineFailure badInput where the chat template cannot be rendered
 */
export function tokenizeTrace(
  model: Model,
  conditioning: Conditioning,
  text: string,
): TraceTokens {
  const prompt = promptText(model, conditioning, text);
  const promptIds = model.tokenize(prompt, false, true);
  const textIds = model.tokenize(text, false, true);
  // A chat template usually writes BOS itself.
  const bos =
    model.addsBos && model.bosId >= 0 && promptIds[0] !== model.bosId
      ? [model.bosId]
      : [];
  const from = bos.length + promptIds.length;
  const ids = new Int32Array(from + textIds.length);
  ids.set(bos);
  ids.set(promptIds, bos.length);
  ids.set(textIds, from);
  return { ids, from };
}

/** The conditioning as text, special tokens written out. */
function promptText(
  model: Model,
  conditioning: Conditioning,
  text: string,
): string {
  switch (conditioning.kind) {
    case "none":
      return "";
    case "text":
      return withoutCarriageReturns(conditioning.text).text;
    case "messages":
      return withoutDoubledThink(
        renderMessages(model, conditioning.messages),
        text,
      );
  }
}

/**
 * Templates of reasoning models end the generation prompt with `<think>`. Where the text brings its own, the prompt's
 * is left out, so that the text's is scored.
 */
export function withoutDoubledThink(prompt: string, text: string): string {
  return text.trimStart().startsWith("<think>")
    ? prompt.replace(/<think>\s*$/, "")
    : prompt;
}

/**
 * Renders messages with the model's own chat template, up to and including the generation prompt.
 *
 * A model without a template (a base model) was not trained on any format of conversation: it gets the messages'
 * contents alone, a blank line behind each.
 */
export function renderMessages(
  model: Pick<Model, "metadata" | "bosId" | "eosId" | "pieces">,
  messages: readonly ChatMessage[],
): string {
  const source = model.metadata("tokenizer.chat_template");
  if (source === undefined || source === "") {
    return messages.map(({ content }) => `${content}\n\n`).join("");
  }
  try {
    return new Template(source).render({
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: specialText(model, model.bosId),
      eos_token: specialText(model, model.eosId),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const roles = messages.map(({ role }) => role).join(", ");
    throw new EngineFailure(
      "badInput",
      `The model's chat template could not be rendered for messages with the roles ${roles || "(none)"}: ${reason}. ` +
        "Choose a model made for such conversations, or annotate the response as plain text.",
      "chooseModel",
    );
  }
}

function specialText(model: Pick<Model, "pieces">, id: number): string {
  const [piece] = id < 0 ? [] : model.pieces(Int32Array.of(id));
  return piece === undefined ? "" : new TextDecoder().decode(piece);
}
