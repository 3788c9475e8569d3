/** A LoRA adapter apart from the file it stands in: what PEFT folders and GGUF adapters have in common. */

/** How numbers are stored; the names of both formats. */
export const DTYPES = ["F32", "F16", "BF16"] as const;
export type Dtype = (typeof DTYPES)[number];

/** A matrix as it is stored: little-endian, row after row. */
export interface Matrix {
  readonly dtype: Dtype;
  readonly rows: number;
  readonly columns: number;
  /** rows * columns numbers. */
  readonly bytes: Uint8Array;
}

/** The projections of a layer that LoRA may be put on: PEFT's name and GGUF's. */
export const PROJECTIONS = [
  { peft: "q_proj", module: "self_attn.q_proj", gguf: "attn_q" },
  { peft: "k_proj", module: "self_attn.k_proj", gguf: "attn_k" },
  { peft: "v_proj", module: "self_attn.v_proj", gguf: "attn_v" },
  { peft: "o_proj", module: "self_attn.o_proj", gguf: "attn_output" },
  { peft: "gate_proj", module: "mlp.gate_proj", gguf: "ffn_gate" },
  { peft: "up_proj", module: "mlp.up_proj", gguf: "ffn_up" },
  { peft: "down_proj", module: "mlp.down_proj", gguf: "ffn_down" },
] as const;

export type Projection = (typeof PROJECTIONS)[number];

/** The low-rank change of one weight: W + scale * B A. */
export interface LoraPair {
  /** Counted from 0. */
  readonly layer: number;
  readonly projection: Projection;
  /** Shape [rank, in]. */
  readonly a: Matrix;
  /** Shape [out, rank]. Rows in the order of the format that it came from (`permuteRotary`). */
  readonly b: Matrix;
}

/** Layer by layer, projections in the order of `PROJECTIONS`. */
export function sortPairs(pairs: readonly LoraPair[]): LoraPair[] {
  return [...pairs].sort(
    (x, y) =>
      x.layer - y.layer ||
      PROJECTIONS.indexOf(x.projection) - PROJECTIONS.indexOf(y.projection),
  );
}
