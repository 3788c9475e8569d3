#include "train_graph.h"

#include <algorithm>
#include <cmath>

#include "train_backward.h"

namespace forksight {
namespace {

/** Builds the forward nodes. Padding stands behind each sequence, so the causal mask alone keeps it from being seen. */
class Forward {
 public:
  Forward(const FrozenModel& model, LoraParameters& lora, const GraphOptions& options, TrainGraph& to)
      : ggml_(trainingApi()), model_(model), a_(model.architecture()), lora_(lora), options_(options), to_(to),
        c_(to.context.get()) {}

  /** Final hidden states of the wanted rows, [hidden, rows]. */
  ggml_tensor* hiddenStates() {
    to_.ids = input(ggml_.ggml_new_tensor_1d(c_, GGML_TYPE_I32, options_.length * options_.sequences), "ids");
    to_.positions = input(ggml_.ggml_new_tensor_1d(c_, GGML_TYPE_I32, options_.length), "positions");
    to_.mask = input(ggml_.ggml_new_tensor_2d(c_, GGML_TYPE_F32, options_.length, options_.length), "mask");
    to_.rows = input(ggml_.ggml_new_tensor_1d(c_, GGML_TYPE_I32, options_.rows), "rows");
    ggml_tensor* x = ggml_.ggml_get_rows(c_, model_.get("token_embd.weight"), to_.ids);
    for (int32_t layer = 0; layer < a_.layers; ++layer) {
      const std::string p = "blk." + std::to_string(layer) + ".";
      ggml_tensor* attended = attention(norm(x, p + "attn_norm.weight"), p);
      if (layer == a_.layers - 1) {
        // Behind the last attention each token stands alone: only the wanted rows go on.
        attended = ggml_.ggml_get_rows(c_, attended, to_.rows);
        x = ggml_.ggml_get_rows(c_, x, to_.rows);
      }
      x = ggml_.ggml_add(c_, x, linear(attended, p + "attn_output"));
      ggml_tensor* y = norm(x, p + "ffn_norm.weight");
      ggml_tensor* gated = ggml_.ggml_swiglu_split(c_, linear(y, p + "ffn_gate"), linear(y, p + "ffn_up"));
      x = ggml_.ggml_add(c_, x, linear(gated, p + "ffn_down"));
    }
    return norm(x, "output_norm.weight");
  }

 private:
  ggml_tensor* input(ggml_tensor* tensor, const char* name) {
    ggml_.ggml_set_input(tensor);
    ggml_.ggml_set_name(tensor, name);
    return tensor;
  }

  ggml_tensor* norm(ggml_tensor* x, const std::string& weight) {
    return ggml_.ggml_mul(c_, ggml_.ggml_rms_norm(c_, x, a_.epsilon), model_.get(weight));
  }

  /** W x + bias + scale B (A x) */
  ggml_tensor* linear(ggml_tensor* x, const std::string& name) {
    ggml_tensor* y = ggml_.ggml_mul_mat(c_, model_.get(name + ".weight"), x);
    if (ggml_tensor* bias = model_.find(name + ".bias")) y = ggml_.ggml_add(c_, y, bias);
    const auto [a, b] = lora_.on(name + ".weight");
    if (options_.base || a == nullptr) return y;
    // Scaled where it is narrowest.
    ggml_tensor* inner = ggml_.ggml_scale(c_, ggml_.ggml_mul_mat(c_, a->tensor, x), lora_.scale());
    return ggml_.ggml_add(c_, y, ggml_.ggml_mul_mat(c_, b->tensor, inner));
  }

  ggml_tensor* rope(ggml_tensor* x) {
    return ggml_.ggml_rope_ext(c_, x, to_.positions, model_.find("rope_freqs.weight"), a_.ropeSize, a_.ropeMode,
                               a_.trainedContext, a_.ropeBase, a_.ropeScale, 0.0f, 1.0f, 0.0f, 0.0f);
  }

  ggml_tensor* heads(ggml_tensor* x, int64_t size, int64_t count) {
    return ggml_.ggml_reshape_4d(c_, x, size, count, options_.length, options_.sequences);
  }

  /** [heads * valueSize, tokens] of the normed [hidden, tokens] */
  ggml_tensor* attention(ggml_tensor* y, const std::string& p) {
    const int64_t length = options_.length, sequences = options_.sequences;
    const int64_t group = a_.heads / a_.kvHeads;
    ggml_tensor* q = heads(linear(y, p + "attn_q"), a_.headSize, a_.heads);
    ggml_tensor* k = heads(linear(y, p + "attn_k"), a_.headSize, a_.kvHeads);
    ggml_tensor* v = heads(linear(y, p + "attn_v"), a_.valueSize, a_.kvHeads);
    if (model_.find(p + "attn_q_norm.weight")) q = norm(q, p + "attn_q_norm.weight");
    if (model_.find(p + "attn_k_norm.weight")) k = norm(k, p + "attn_k_norm.weight");
    q = ggml_.ggml_cont(c_, ggml_.ggml_permute(c_, rope(q), 0, 2, 1, 3));  // [headSize, length, heads, sequences]
    k = ggml_.ggml_cont(c_, ggml_.ggml_permute(c_, rope(k), 0, 2, 1, 3));
    v = ggml_.ggml_cont(c_, ggml_.ggml_permute(c_, v, 1, 2, 0, 3));  // [length, valueSize, kvHeads, sequences]
    // The query heads of one key head lie beside each other: as rows of one matrix they need no repeated keys.
    q = ggml_.ggml_reshape_4d(c_, q, a_.headSize, length * group, a_.kvHeads, sequences);
    ggml_tensor* weights = ggml_.ggml_mul_mat(c_, k, q);
    weights = ggml_.ggml_reshape_4d(c_, weights, length, length, a_.heads, sequences);
    weights = ggml_.ggml_soft_max_ext(c_, weights, to_.mask, 1.0f / std::sqrt(static_cast<float>(a_.headSize)), 0.0f);
    // ggml's allocator lets SOFT_MAX_BACK overwrite this operand, which its CPU kernel reads after it has written: an
    // output is never overwritten.
    if (options_.train) ggml_.ggml_set_output(weights);
    weights = ggml_.ggml_reshape_4d(c_, weights, length, length * group, a_.kvHeads, sequences);
    ggml_tensor* out = ggml_.ggml_mul_mat(c_, v, weights);
    out = ggml_.ggml_reshape_4d(c_, out, a_.valueSize, length, a_.heads, sequences);
    out = ggml_.ggml_cont(c_, ggml_.ggml_permute(c_, out, 0, 2, 1, 3));
    return ggml_.ggml_reshape_2d(c_, out, int64_t{a_.valueSize} * a_.heads, length * sequences);
  }

  const TrainingApi& ggml_;
  const FrozenModel& model_;
  const Architecture& a_;
  LoraParameters& lora_;
  const GraphOptions& options_;
  TrainGraph& to_;
  ggml_context* c_;
};

}  // namespace

size_t graphCapacity(const FrozenModel& model) {
  return 4096 + static_cast<size_t>(model.architecture().layers) * 512;
}

TrainGraph buildGraph(const FrozenModel& model, LoraParameters& lora, const GraphOptions& options) {
  const TrainingApi& ggml = trainingApi();
  const auto chunks = static_cast<size_t>((options.rows + options.rowsAtOnce - 1) / options.rowsAtOnce);
  const size_t capacity = graphCapacity(model) + chunks * 8;
  TrainGraph to;
  const size_t memory = 3 * ggml.ggml_tensor_overhead() * capacity + 2 * ggml.ggml_graph_overhead_custom(capacity, true);
  to.context.reset(ggml.ggml_init({memory, nullptr, true}));
  ggml_context* c = to.context.get();
  if (c == nullptr) throw std::bad_alloc();
  ggml_tensor* hidden = Forward(model, lora, options, to).hiddenStates();

  if (options.train) {
    ggml_tensor* logits = ggml.ggml_mul_mat(c, model.output(), hidden);
    ggml.ggml_set_name(logits, "logits");
    to.logits = {logits};
    differentiate(model, lora, options.backward, capacity, to);
    return to;
  }
  to.graph = ggml.ggml_new_graph_custom(c, capacity, false);
  for (int64_t from = 0; from < options.rows; from += options.rowsAtOnce) {
    const int64_t count = std::min(options.rowsAtOnce, options.rows - from);
    ggml_tensor* part = ggml.ggml_view_2d(c, hidden, hidden->ne[0], count, hidden->nb[1],
                                          static_cast<size_t>(from) * hidden->nb[1]);
    ggml_tensor* logits = ggml.ggml_mul_mat(c, model.output(), part);
    ggml.ggml_set_name(logits, "logits");
    to.logits.push_back(logits);
    // A consumer, so that the allocator gives the memory of one chunk's logits to the next.
    ggml.ggml_build_forward_expand(to.graph, ggml.ggml_scale(c, ggml.ggml_view_1d(c, logits, 1, 0), 1.0f));
  }
  if (options.backward == Backward::tiled) useTiledForward(to, capacity);
  return to;
}

}  // namespace forksight
