/**
 * llama.cpp rotates neighbouring rows of llama's queries and keys, transformers a row and the one half a head further
 * on. convert_hf_to_gguf.py therefore reorders the rows of these weights, and convert_lora_to_gguf.py those of their
 * adapters' B. Qwen's rows stay where they are.
 */
import type { BaseModel } from "./architecture";
import type { LoraPair, Matrix } from "./adapter";
import { FormatError } from "./formatError";

/**
 * B with its rows in the other format's order.
 * @throws FormatError where the base's heads are unknown or do not divide the rows
 */
export function permuteRotary(
  { projection, b }: LoraPair,
  base: BaseModel,
  to: "gguf" | "peft",
): Matrix {
  const { peft } = projection;
  if (base.architecture !== "llama" || (peft !== "q_proj" && peft !== "k_proj"))
    return b;
  if (base.heads === undefined) {
    throw new FormatError(
      "llama's queries and keys stand in another order in GGUF, which depends on the number of attention heads: name the base model (its GGUF file, or its Hugging Face folder)",
    );
  }
  const heads = peft === "q_proj" ? base.heads.queries : base.heads.keys;
  const perHead = b.rows / heads;
  if (!Number.isInteger(perHead) || perHead % 2 !== 0) {
    throw new FormatError(
      `${peft} has ${b.rows} rows, which do not divide into the ${heads} attention heads of the base model: is it another model's adapter?`,
    );
  }
  const rowBytes = b.rows === 0 ? 0 : b.bytes.length / b.rows;
  const bytes = new Uint8Array(b.bytes.length);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < perHead; row++) {
      const half = row % 2;
      const apart = (row >> 1) + half * (perHead / 2);
      const [from, at] = to === "gguf" ? [apart, row] : [row, apart];
      const start = (head * perHead + from) * rowBytes;
      bytes.set(
        b.bytes.subarray(start, start + rowBytes),
        (head * perHead + at) * rowBytes,
      );
    }
  }
  return { ...b, bytes };
}
