// Many rollouts at once over one context of llama.cpp (native/addon/rollouts.ts).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loaded_model.h"
#include "rollout_sampler.h"
#include "row_pool.h"

namespace forksight {

struct RolloutOptions {
  size_t contextSize;
  size_t parallel;
  size_t threads;
  /** No flash attention and an F32 KV cache. */
  bool exact;
};

struct RolloutRequest {
  std::vector<std::vector<int32_t>> prompts;
  size_t groupSize;
  size_t maxTokens;
  SamplerOptions sampler;
  uint32_t seed;
  std::vector<int32_t> stopIds;
};

struct Rollout {
  std::vector<int32_t> ids;
  std::vector<float> logprob;
  std::vector<float> entropy;
  bool finished = false;
};

/** Used by one thread at a time. */
class RolloutEngine {
 public:
  using Progress = std::function<void(size_t done, size_t total, size_t tokens)>;

  /** Throws Failure (UNSUPPORTED_MODEL, OUT_OF_MEMORY, BAD_INPUT). */
  RolloutEngine(std::shared_ptr<LoadedModel> model, const RolloutOptions& options);
  ~RolloutEngine();
  RolloutEngine(const RolloutEngine&) = delete;
  RolloutEngine& operator=(const RolloutEngine&) = delete;

  /** Rollout g of prompt p at p * groupSize + g. Throws Failure (BAD_INPUT, DECODE_FAILED, OUT_OF_MEMORY, ABORT_ERR). */
  std::vector<Rollout> generate(const RolloutRequest& request, const Progress& progress,
                                const std::atomic<bool>& cancelled);
  /** An empty path takes the adapter off. Throws Failure (BAD_MODEL); then the one before stays. */
  void setAdapter(const std::string& path, float scale);

  size_t parallel() const { return options_.parallel; }

 private:
  struct Slot;
  struct Call;

  void check(const RolloutRequest& request) const;
  void fillSlots(Call& call);
  void start(Call& call, size_t slot, size_t rollout);
  void closeGaps(Call& call);
  void step(Call& call);
  void decode(const std::vector<int32_t>& tokens, const std::vector<int32_t>& positions,
              const std::vector<int32_t>& sequences, bool logits, const std::atomic<bool>& cancelled);
  void copySequence(size_t from, size_t to);

  std::shared_ptr<LoadedModel> model_;
  RolloutOptions options_;
  llama_context* context_ = nullptr;
  llama_adapter_lora* adapter_ = nullptr;
  /** Tokens of one llama_decode. */
  size_t batch_;
  RowPool pool_;
  std::vector<RolloutSampler> samplers_;
};

}  // namespace forksight
