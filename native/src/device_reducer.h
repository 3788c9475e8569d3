// The reduction on the device: a backend sampler (llama.h, experimental) that adds ggml nodes behind the logits.
//
// llama.cpp calls backend_apply once per output row, with a view of one row; the view's source holds all rows of the
// micro-batch. The first call builds one batched reduction, and the rows' calls hand out chunks of its packed result as
// "probs" and "candidates", each chunk as many rows as fit in the vocabulary floats that llama.cpp reserves per row.
// With a sampler on the sequence the logits themselves are not copied to the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llama_api.h"
#include "reduce.h"

namespace forksight {

class DeviceReducer {
 public:
  /** @param topK most probable tokens per row, at least 0 */
  DeviceReducer(int32_t vocabulary, double temperature, size_t topK);
  ~DeviceReducer();
  DeviceReducer(const DeviceReducer&) = delete;
  DeviceReducer& operator=(const DeviceReducer&) = delete;

  /** Whether the packed numbers of a row fit in the room that llama.cpp has for them. */
  static bool fits(int32_t vocabulary, size_t topK);

  /** The chain for llama_set_sampler; owned by this object, which must outlive its use by the context. */
  llama_sampler* chain() const { return chain_; }
  double temperature() const { return temperature_; }
  size_t topK() const { return topK_; }
  /** Empty, or why the device cannot run the reduction; known once the context took the sampler. */
  const std::string& unsupported() const { return unsupported_; }

  /** The tokens that stand at the output rows of the next llama_decode, in order. */
  void setTargets(const int32_t* targets, size_t rows);

  /**
   * Reads the rows of the last llama_decode.
   * @param firstOutput index in the batch of the first token with logits; the others follow it
   * @param out called with the row's number, gives where its numbers go
   * @return number of rows read well; less than `rows` where a row is no distribution (NaN), or nothing came back
   */
  template <typename Out>
  size_t read(llama_context* context, int32_t firstOutput, size_t rows, const Out& out) const {
    for (size_t start = 0; start < rows; start += rowsPerChunk_) {
      const size_t count = rows - start < rowsPerChunk_ ? rows - start : rowsPerChunk_;
      const int32_t index = firstOutput + static_cast<int32_t>(start);
      const float* packed = api().llama_get_sampled_probs_ith(context, index);
      const llama_token* ids = api().llama_get_sampled_candidates_ith(context, index);
      if (packed == nullptr || ids == nullptr ||
          api().llama_get_sampled_probs_count_ith(context, index) != count * width_) {
        return start;
      }
      for (size_t i = 0; i < count; ++i) {
        if (!unpack(packed + i * width_, ids + i * kept_, out(start + i))) return start + i;
      }
    }
    return rows;
  }

 private:
  static bool onInit(llama_sampler* sampler, ggml_backend_buffer_type_t type, uint32_t outputs);
  static void onApply(llama_sampler* sampler, ggml_context* context, ggml_cgraph* graph, llama_sampler_data* data);
  static void onSetInput(llama_sampler* sampler);
  static void onReset(llama_sampler* sampler);

  struct Packed {
    ggml_tensor* floats = nullptr;
    ggml_tensor* ids = nullptr;
    ggml_tensor* targets = nullptr;
    size_t rows = 0;
  };

  Packed build(ggml_context* context, ggml_tensor* rows) const;
  void checkDevice(ggml_backend_dev_t device);
  bool unpack(const float* packed, const int32_t* ids, const RowOut& out) const;

  int32_t vocabulary_;
  double temperature_;
  size_t topK_;
  /** Tokens that the device picks out: topK, but at least 1, because the largest logit anchors the log-sum. */
  size_t kept_;
  /** Floats per row: entropy, the target's logit, how many are larger, the kept logits and their probabilities. */
  size_t width_;
  size_t rowsPerChunk_;
  llama_sampler* chain_;
  std::string unsupported_;

  Packed packed_;
  size_t nextRow_ = 0;
  std::vector<int32_t> targets_;
};

}  // namespace forksight
