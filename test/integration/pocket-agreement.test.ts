import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Model, Scorer } from "../../native/addon/binding";
import { makeScorer, openAddon } from "./openAddon";

/**
 * llama.cpp against PyTorch on the pocket model. The expected numbers come from models/recipe/fixtures.py, which reads
 * the weights from the same GGUF into a PyTorch module that it has checked against transformers.
 *
 * FORKSIGHT_AGREEMENT names a larger file of the same kind, for the check of 1,000 texts (models/README.md).
 */
interface Agreement {
  sha256: string;
  texts: {
    text: string;
    ids: number[];
    /** nats, of ids[1..]. */
    logprob: number[];
    entropy: number[];
    /** Row p: log-probabilities of the whole vocabulary where ids[p] stands. */
    rows: Record<string, number[]>;
  }[];
}

const TOLERANCE = 1e-3;
const modelPath = fileURLToPath(
  new URL("../../models/pocket.gguf", import.meta.url),
);
const agreement = JSON.parse(
  readFileSync(
    process.env["FORKSIGHT_AGREEMENT"] ??
      new URL("../fixtures/pocket-agreement.json", import.meta.url),
    "utf8",
  ),
) as Agreement;

describe("the pocket model in llama.cpp and in PyTorch", () => {
  let model: Model;
  let scorer: Scorer;

  beforeAll(async () => {
    model = await openAddon().loadModel(modelPath, { gpuLayers: 0 });
    scorer = makeScorer(model, { contextSize: 512 });
  });

  afterAll(() => {
    scorer?.free();
    model?.free();
  });

  it("is the file that the expected numbers were made with", () => {
    const digest = createHash("sha256").update(readFileSync(modelPath));
    expect(digest.digest("hex")).toBe(agreement.sha256);
    expect(agreement.texts.length).toBeGreaterThanOrEqual(50);
  });

  it("brings its chat template, and <think> as one token", () => {
    expect(model.metadata("tokenizer.chat_template")).toContain("<|im_start|>");
    expect(model.tokenize("<think></think>", false, true)).toHaveLength(2);
    expect(model.addsBos).toBe(false);
  });

  it("has the same token ids", () => {
    for (const { text, ids } of agreement.texts) {
      const found = model.tokenize(text, true, true);
      expect([...found].slice(0, ids.length), JSON.stringify(text)).toEqual(
        ids,
      );
    }
  });

  it(`has the same log-probabilities and entropies within ${TOLERANCE} nat`, async () => {
    let largest = 0;
    let rowsChecked = 0;
    for (const { ids, logprob, entropy, rows } of agreement.texts) {
      if (ids.length < 2) continue;
      const topK = Object.keys(rows).length > 0 ? model.vocabularySize : 1;
      const scores = await scorer.score(Int32Array.from(ids), {
        temperature: 1,
        topK,
        from: 0,
      });
      for (let i = 1; i < ids.length; i++) {
        largest = Math.max(
          largest,
          Math.abs(scores.logprob[i]! - logprob[i - 1]!),
          Math.abs(scores.entropy[i]! - entropy[i - 1]!),
        );
      }
      for (const [place, row] of Object.entries(rows)) {
        const start = Number(place) * topK;
        for (let rank = 0; rank < topK; rank++) {
          const id = scores.topIds[start + rank]!;
          const difference = scores.topLogprobs[start + rank]! - row[id]!;
          largest = Math.max(largest, Math.abs(difference));
        }
        rowsChecked++;
      }
    }
    expect(rowsChecked).toBeGreaterThan(0);
    expect(largest).toBeLessThan(TOLERANCE);
  });
});
