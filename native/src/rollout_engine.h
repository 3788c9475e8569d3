// Rollouts over several contexts side by side (native/addon/rollouts.ts).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rollout_lane.h"

namespace forksight {

/** contextSize, parallel and threads are those of all lanes together. */
using RolloutOptions = LaneOptions;

/**
 * Shares the rollouts out to lanes with few threads each: lanes do not wait for each other, whereas ggml's threads spin at a
 * barrier behind every operation, which costs much with small models and most of the time on a busy machine.
 * Which lane makes what is fixed, so that a run can be repeated exactly. Used by one thread at a time.
 */
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
  void check(const RolloutRequest& request) const;
  std::vector<std::vector<size_t>> queues(const RolloutRequest& request) const;

  std::shared_ptr<LoadedModel> model_;
  RolloutOptions options_;
  std::vector<std::unique_ptr<RolloutLane>> lanes_;
  llama_adapter_lora* adapter_ = nullptr;
  float scale_ = 1;
};

}  // namespace forksight
