import { describe, expect, it } from "vitest";
import type { Model } from "../../../native/addon/binding";
import { contextSizeFor } from "../../../native/engine/contextSize";
import {
  renderMessages,
  tokenizeTrace,
  withoutDoubledThink,
} from "../../../native/engine/prompt";

const CHATML =
  "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";
const BOS = 1000;

/** One token a character (its code), but `<s>` is BOS where special tokens are parsed. */
function fakeModel(template: string | undefined, addsBos: boolean): Model {
  return {
    addsBos,
    bosId: BOS,
    eosId: -1,
    metadata: (key: string) =>
      key === "tokenizer.chat_template" ? template : undefined,
    tokenize: (text: string, addSpecial: boolean, parseSpecial: boolean) => {
      expect([addSpecial, parseSpecial]).toEqual([false, true]);
      return Int32Array.from(
        text
          .split(/(<s>)/)
          .flatMap((part) =>
            part === "<s>" ? [BOS] : Array.from(part, (c) => c.charCodeAt(0)),
          ),
      );
    },
    pieces: (ids: Int32Array) =>
      Array.from(ids, () => new TextEncoder().encode("<s>")),
  } as unknown as Model;
}

const messages = [{ role: "user", content: "2+2?" }];
const decode = (ids: Int32Array) =>
  Array.from(ids, (id) => (id === BOS ? "<s>" : String.fromCharCode(id))).join(
    "",
  );

describe("tokenizeTrace", () => {
  it("colours a text from its first token on, and lets a BOS condition it", () => {
    expect(
      tokenizeTrace(fakeModel(undefined, false), { kind: "none" }, "ab"),
    ).toEqual({ ids: Int32Array.of(97, 98), from: 0 });
    expect(
      tokenizeTrace(fakeModel(undefined, true), { kind: "none" }, "ab"),
    ).toEqual({ ids: Int32Array.of(BOS, 97, 98), from: 1 });
  });

  it("puts a raw prompt in front, uncoloured", () => {
    const { ids, from } = tokenizeTrace(
      fakeModel(undefined, false),
      { kind: "text", text: "q " },
      "a",
    );
    expect([decode(ids), from]).toEqual(["q a", 2]);
  });

  it("renders messages with the model's template, with one BOS, up to the generation prompt", () => {
    const { ids, from } = tokenizeTrace(
      fakeModel(CHATML, true),
      { kind: "messages", messages },
      "x",
    );
    const prompt =
      "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n";
    expect(decode(ids)).toBe(`<s>${prompt}x`);
    expect(from).toBe(prompt.length + 1);
  });

  it("does not double the <think> that the text brings itself", () => {
    const { ids } = tokenizeTrace(
      fakeModel(CHATML, true),
      { kind: "messages", messages },
      "<think>\nx",
    );
    expect(decode(ids).endsWith("assistant\n<think>\nx")).toBe(true);
    expect(withoutDoubledThink("a<think>\n", "b")).toBe("a<think>\n");
    expect(withoutDoubledThink("a<think>\n\n</think>\n\n", "<think>")).toBe(
      "a<think>\n\n</think>\n\n",
    );
  });

  it("writes the contents alone for a model without a template", () => {
    expect(renderMessages(fakeModel(undefined, false), messages)).toBe(
      "2+2?\n\n",
    );
  });

  it("says which roles a template refuses", () => {
    const strict = fakeModel("{{ raise_exception('no system role') }}", false);
    expect(() =>
      renderMessages(strict, [{ role: "system", content: "" }]),
    ).toThrow(/roles system.*no system role/);
  });
});

describe("contextSizeFor", () => {
  const limits = { trained: 4096, memoryLimit: 1e6 };
  it("takes the power of two that holds the trace, from 512 on", () => {
    const sizes = [1, 512, 513, 3000, 9000].map((needed) =>
      contextSizeFor({ needed, wished: 0, ...limits }),
    );
    expect(sizes).toEqual([512, 512, 1024, 4096, 4096]);
  });
  it("caps the wish by the model and by memory", () => {
    expect(contextSizeFor({ needed: 10, wished: 2000, ...limits })).toBe(2000);
    expect(contextSizeFor({ needed: 10, wished: 9999, ...limits })).toBe(4096);
    expect(
      contextSizeFor({
        needed: 5000,
        wished: 0,
        trained: 99999,
        memoryLimit: 1500,
      }),
    ).toBe(1500);
    expect(
      contextSizeFor({ needed: 10, wished: 0, trained: 256, memoryLimit: 1e6 }),
    ).toBe(256);
  });
});
