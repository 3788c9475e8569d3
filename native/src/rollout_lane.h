// One context of llama.cpp that makes many rollouts at once.
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

struct LaneOptions {
  size_t contextSize;
  /** Sequences decoded at once. */
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

/** Why lanes stop early: the user, or another lane's failure. */
struct RolloutStop {
  const std::atomic<bool>& cancelled;
  std::atomic<bool> failed{false};
  bool asked() const { return cancelled || failed; }
};

/** Used by one thread at a time. */
class RolloutLane {
 public:
  /** Called after each step, with the rollouts that ended and the tokens sampled in it. */
  using Progress = std::function<void(size_t done, size_t tokens)>;

  /** Throws Failure (OUT_OF_MEMORY). */
  RolloutLane(std::shared_ptr<LoadedModel> model, const LaneOptions& options);
  ~RolloutLane();
  RolloutLane(const RolloutLane&) = delete;
  RolloutLane& operator=(const RolloutLane&) = delete;

  /**
   * Makes the rollouts named in `queue`, in that order as slots become free, into `rollouts` (rollout g of prompt p at
   * p * groupSize + g). Throws Failure (DECODE_FAILED, OUT_OF_MEMORY, ABORT_ERR).
   */
  void generate(const RolloutRequest& request, const std::vector<size_t>& queue, std::vector<Rollout>& rollouts,
                const Progress& progress, const RolloutStop& stop);
  /** Null takes the adapter off. Throws Failure (BAD_MODEL). */
  void setAdapter(llama_adapter_lora* adapter, float scale);

 private:
  struct Slot;
  struct Call;

  void fillSlots(Call& call);
  void start(Call& call, size_t slot, size_t rollout);
  void closeGaps(Call& call);
  void step(Call& call);
  void decode(const std::vector<int32_t>& tokens, const std::vector<int32_t>& positions,
              const std::vector<int32_t>& sequences, bool logits, const RolloutStop& stop);
  void copySequence(size_t from, size_t to);

  std::shared_ptr<LoadedModel> model_;
  LaneOptions options_;
  llama_context* context_ = nullptr;
  /** Tokens of one llama_decode. */
  size_t batch_;
  RowPool pool_;
  std::vector<RolloutSampler> samplers_;
};

}  // namespace forksight
