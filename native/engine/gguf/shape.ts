import type { ModelShape } from "../../../core/engine/protocol";
import { type ModelFile, positive } from "./modelFile";

/** The measures of a dense transformer, from its header; undefined where the header lacks one. */
export function shapeOf(file: ModelFile): ModelShape | undefined {
  const width = positive(file.setting("embedding_length"));
  const heads = positive(file.setting("attention.head_count"));
  const forward = positive(file.setting("feed_forward_length"));
  if (
    width === undefined ||
    heads === undefined ||
    forward === undefined ||
    file.blocks === 0
  )
    return undefined;
  const size = Math.floor(width / heads);
  const blockTensors = file.tensors.filter(({ name }) =>
    /^blk\.\d+\./.test(name),
  );
  return {
    layers: file.blocks,
    width,
    forward,
    heads,
    kvHeads: positive(file.setting("attention.head_count_kv")) ?? heads,
    keySize: positive(file.setting("attention.key_length")) ?? size,
    valueSize: positive(file.setting("attention.value_length")) ?? size,
    vocabulary: file.vocabularySize,
    blockParameters: blockTensors.reduce((sum, one) => sum + one.elements, 0),
    weightBytes: file.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
