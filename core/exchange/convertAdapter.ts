/** Adapters from PEFT to GGUF and back: names, the order of rows, and the scale. */
import type { LoraPair } from "./adapter";
import type { BaseModel } from "./architecture";
import type { GgufAdapter } from "./ggufAdapter";
import { scaled } from "./numbers";
import type { PeftAdapter } from "./peft";
import { permuteRotary } from "./rotary";

/**
 * What convert_lora_to_gguf.py of llama.cpp makes, bit for bit where all pairs have one alpha: GGUF knows one for the
 * whole adapter. Where they differ, or with rank-stabilised scaling and several ranks, what is left goes into B.
 * @throws FormatError where the base model does not fit
 */
export function peftToGguf(peft: PeftAdapter, base: BaseModel): GgufAdapter {
  const alphaOf = (pair: LoraPair) => peft.scaleOf(pair) * pair.a.rows;
  const alpha = Math.fround(alphaOf(peft.pairs[0]!));
  const pairs = peft.pairs.map((pair) => {
    const b = permuteRotary(pair, base, "gguf");
    const factor = alphaOf(pair) / alpha;
    // Less than a rounding error of F32 is the division's own.
    const exact = Math.abs(factor - 1) < 2 ** -24;
    return { ...pair, b: exact ? b : scaled(b, factor) };
  });
  return { architecture: base.architecture, alpha, pairs };
}

/** B's rows in transformers' order. @throws FormatError where the base model does not fit */
export function ggufToPeft(
  { pairs }: GgufAdapter,
  base: BaseModel,
): LoraPair[] {
  return pairs.map((pair) => ({
    ...pair,
    b: permuteRotary(pair, base, "peft"),
  }));
}
