/** Adapters between PEFT and GGUF on the fixtures that PEFT and the training kernel's tests made. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LoraPair } from "../../../core/exchange/adapter";
import { PROJECTIONS } from "../../../core/exchange/adapter";
import {
  baseOfConfig,
  type BaseModel,
} from "../../../core/exchange/architecture";
import { ggufToPeft, peftToGguf } from "../../../core/exchange/convertAdapter";
import {
  readGgufAdapter,
  writeGgufAdapter,
} from "../../../core/exchange/ggufAdapter";
import { numbersOf } from "../../../core/exchange/numbers";
import { readPeft, writePeft } from "../../../core/exchange/peft";
import {
  readSafetensors,
  type SafeTensor,
  writeSafetensors,
} from "../../../core/exchange/safetensors";

const fixtures = new URL("../../fixtures/", import.meta.url);
const bytesOf = (name: string) =>
  new Uint8Array(readFileSync(new URL(name, fixtures)));
const LLAMA: BaseModel = {
  architecture: "llama",
  heads: { queries: 4, keys: 2 },
};
const peftFixture = (name: string) => ({
  config: new TextDecoder().decode(
    bytesOf(`exchange/${name}-peft/adapter_config.json`),
  ),
  weights: bytesOf(`exchange/${name}-peft/adapter_model.safetensors`),
});

/** adapter_config.json with some fields replaced. */
function configWith(fields: object): string {
  const { config } = peftFixture("llama");
  return JSON.stringify({ ...(JSON.parse(config) as object), ...fields });
}

/** adapter_model.safetensors with other tensors. */
function weightsWith(
  change: (tensors: Map<string, SafeTensor>) => void,
): Uint8Array {
  const tensors = readSafetensors(peftFixture("llama").weights);
  change(tensors);
  return writeSafetensors(tensors);
}

describe("PEFT to GGUF and back", () => {
  it("changes no bit of PEFT's own adapter, in either F32 or 16 bits", () => {
    const { config, weights } = peftFixture("llama");
    const narrow = weightsWith((tensors) => {
      for (const [name, { shape, bytes }] of tensors)
        tensors.set(name, {
          dtype: name.includes("lora_A") ? "F16" : "BF16",
          shape,
          bytes: bytes.subarray(0, bytes.length / 2),
        });
    });
    for (const file of [weights, narrow]) {
      const gguf = writeGgufAdapter(peftToGguf(readPeft(config, file), LLAMA));
      const back = readGgufAdapter(gguf);
      expect(back.alpha).toBe(10);
      const written = writePeft("tiny", back.alpha, ggufToPeft(back, LLAMA));
      const before = readSafetensors(file);
      const after = readSafetensors(written.weights);
      expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
      for (const [name, tensor] of before) {
        expect(after.get(name)!.dtype).toBe(tensor.dtype);
        expect(after.get(name)!.shape).toEqual(tensor.shape);
        expect(Buffer.compare(after.get(name)!.bytes, tensor.bytes)).toBe(0);
      }
      const settings = JSON.parse(written.config) as Record<string, unknown>;
      expect(settings).toMatchObject({
        peft_type: "LORA",
        base_model_name_or_path: "tiny",
        r: 4,
        lora_alpha: 10,
        rank_pattern: {},
      });
      expect(settings["target_modules"]).toEqual(
        PROJECTIONS.map(({ peft }) => peft),
      );
    }
  });

  for (const name of ["llama", "qwen2", "qwen3"] as const) {
    it(`changes no bit of a GGUF adapter for ${name}`, () => {
      const base: BaseModel = { ...LLAMA, architecture: name };
      const adapter = readGgufAdapter(bytesOf(`train/${name}-adapter.gguf`));
      const { config, weights } = writePeft(
        "tiny",
        adapter.alpha,
        ggufToPeft(adapter, base),
      );
      const back = peftToGguf(readPeft(config, weights), base);
      expect(back).toEqual(adapter);
      expect(readGgufAdapter(writeGgufAdapter(back))).toEqual(adapter);
    });
  }

  it("interleaves the halves of each head of llama's queries and keys, and nothing else", () => {
    const { config, weights } = peftFixture("llama");
    const peft = readPeft(config, weights);
    const gguf = peftToGguf(peft, LLAMA);
    const rows = (pair: LoraPair) => {
      const numbers = numbersOf(pair.b);
      return (row: number) =>
        numbers.subarray(row * pair.b.columns, (row + 1) * pair.b.columns);
    };
    for (const [i, pair] of peft.pairs.entries()) {
      const [before, after] = [rows(pair), rows(gguf.pairs[i]!)];
      const turned = ["q_proj", "k_proj"].includes(pair.projection.peft);
      // Heads have 8 rows here: row 3 of the second head is its row 5 in transformers, row 4 its row 2.
      expect(after(8 + 3)).toEqual(before(8 + (turned ? 5 : 3)));
      expect(after(8 + 4)).toEqual(before(8 + (turned ? 2 : 4)));
      expect(gguf.pairs[i]!.a).toBe(pair.a);
    }
  });

  it("keeps every pair's scale where GGUF's one alpha cannot say it", () => {
    const { config, weights } = peftFixture("qwen3");
    const peft = readPeft(config, weights);
    const gguf = peftToGguf(peft, { architecture: "qwen3" });
    for (const [i, pair] of peft.pairs.entries()) {
      const rank = pair.projection.peft === "q_proj" ? 2 : 4;
      const alpha = pair.projection.peft === "up_proj" ? 9 : 6;
      expect(pair.a.rows).toBe(rank);
      const before = numbersOf(pair.b).map(
        (b) => (b * alpha) / Math.sqrt(rank),
      );
      const after = numbersOf(gguf.pairs[i]!.b);
      after.forEach((b, at) =>
        expect((b * gguf.alpha) / rank).toBeCloseTo(before[at]!, 6),
      );
    }
    const back = writePeft("", gguf.alpha, gguf.pairs).config;
    expect(JSON.parse(back)).toMatchObject({
      r: 4,
      rank_pattern: { "layers.0.self_attn.q_proj": 2 },
    });
  });

  it("names modules in full where not every layer has them all", () => {
    const adapter = readGgufAdapter(bytesOf("train/qwen3-adapter.gguf"));
    const some = adapter.pairs.filter(
      ({ layer, projection }) => layer === 1 && projection.peft === "v_proj",
    );
    expect(JSON.parse(writePeft("", 8, some).config)).toMatchObject({
      target_modules: ["layers.1.self_attn.v_proj"],
    });
  });
});

describe("what cannot be converted", () => {
  const { config, weights } = peftFixture("llama");
  const problem = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing is wrong";
  };

  it("is refused by the configuration", () => {
    for (const [fields, message] of [
      [{ peft_type: "IA3" }, "only LORA"],
      [{ use_dora: true }, "DoRA"],
      [{ modules_to_save: ["lm_head"] }, "whole modules beside LoRA (lm_head)"],
      [{ fan_in_fan_out: true }, "fan_in_fan_out"],
      [{ layer_replication: [[0, 2]] }, "replicates layers"],
      [{ alora_invocation_tokens: [1] }, "activated LoRA"],
      [{ alpha_pattern: { "^q.*": 3 } }, "alpha_pattern"],
      [{ r: "four" }, "adapter_config.json: r:"],
      [{ lora_alpha: 0 }, "adapter_config.json: lora_alpha:"],
    ] as const) {
      expect(problem(() => readPeft(configWith(fields), weights))).toContain(
        message,
      );
    }
    expect(problem(() => readPeft("{", weights))).toContain("no JSON");
  });

  it("is refused by the tensors", () => {
    const prefix = "base_model.model.model.layers.0.self_attn";
    const first = `${prefix}.q_proj.lora_A.weight`;
    const tensor = readSafetensors(weights).get(first)!;
    const read = (change: (tensors: Map<string, SafeTensor>) => void) =>
      problem(() => readPeft(config, weightsWith(change)));
    expect(read((all) => all.clear())).toContain("no LoRA matrices");
    expect(read((all) => all.delete(first))).toContain("lacks its other");
    expect(read((all) => all.set("lm_head.weight", tensor))).toContain(
      '"lm_head.weight", which is no LoRA matrix',
    );
    expect(
      read((all) => all.set(`${prefix}.qkv_proj.lora_A.weight`, tensor)),
    ).toContain("qkv_proj");
    expect(
      read((all) => all.set(first, { ...tensor, shape: [8, 16] })),
    ).toContain("ranks 8 and 4");
    expect(
      read((all) => all.set(first, { ...tensor, dtype: "I32" })),
    ).toContain("is I32");
    expect(
      read((all) => all.set(first, { ...tensor, shape: [4, 16, 2] })),
    ).toContain("no matrix");
  });

  it("is refused by the base model", () => {
    const peft = readPeft(config, weights);
    expect(problem(() => baseOfConfig({ model_type: "phi3" }))).toContain(
      '"phi3"',
    );
    expect(
      problem(() => peftToGguf(peft, { architecture: "llama" })),
    ).toContain("name the base model");
    const heads = { queries: 5, keys: 5 };
    expect(
      problem(() => peftToGguf(peft, { architecture: "llama", heads })),
    ).toContain("another model's adapter");
    expect(
      baseOfConfig({ model_type: "mistral", num_attention_heads: 4 }),
    ).toEqual({ architecture: "llama", heads: { queries: 4, keys: 4 } });
  });
});
