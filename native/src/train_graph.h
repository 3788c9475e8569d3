// The graph of one call: forward to the logits of the wanted rows and, for training, backward to the LoRA matrices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frozen_model.h"
#include "lora_parameters.h"

namespace forksight {

/** How the backward pass multiplies. */
enum class Backward {
  /** As ggml's automatic differentiation made it: OUT_PROD. */
  plain,
  /** MUL_MAT on transposed operands: every back end has it, for every type of weight. */
  matmul,
  /** train_outer.h: the CPU's. */
  tiled
};

struct GraphOptions {
  /** Padded tokens of each sequence. */
  int64_t length;
  int64_t sequences;
  /** Rows that go through the output matrix. */
  int64_t rows;
  /** Rows of each logits node; fewer than `rows` only without a backward pass. */
  int64_t rowsAtOnce;
  /** Leave the adapter out. */
  bool base;
  /** Whether gradients are wanted. */
  bool train;
  Backward backward;
};

/** A gradient in the graph; transposed: it has the shape of the matrix's transpose. */
struct GradientNode {
  LoraMatrix* matrix;
  ggml_tensor* node;
  bool transposed;
};

struct TrainGraph {
  std::unique_ptr<ggml_context, GgmlFree> context;
  ggml_cgraph* graph = nullptr;
  /** I32 [length * sequences] */
  ggml_tensor* ids = nullptr;
  /** I32 [length] */
  ggml_tensor* positions = nullptr;
  /** F32 [length, length], 0 or minus infinity */
  ggml_tensor* mask = nullptr;
  /** I32 [rows]: which tokens' hidden states go on */
  ggml_tensor* rows = nullptr;
  /** F32 [vocabulary, rows]. With a backward pass there is one: it is overwritten by dLoss/dlogits before the rest runs. */
  std::vector<ggml_tensor*> logits;
  std::vector<GradientNode> gradients;
};

/** Nodes of the largest graph of this model, for the scheduler. */
size_t graphCapacity(const FrozenModel& model);

TrainGraph buildGraph(const FrozenModel& model, LoraParameters& lora, const GraphOptions& options);

}  // namespace forksight
