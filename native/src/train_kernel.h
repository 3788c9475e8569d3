// LoRA training on one model: forward, objective, backward (native/addon/training.ts).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "frozen_model.h"
#include "lora_parameters.h"
#include "reduce.h"
#include "row_pool.h"
#include "token_batch.h"
#include "train_graph.h"

namespace forksight {

struct KernelOptions {
  LoraOptions lora;
  size_t threads;
  /** Name of a ggml device; empty for the CPU. */
  std::string device;
  /** Empty chooses: tiled on the CPU, matmul elsewhere. */
  std::string backward;
};

struct TargetColumns {
  std::vector<float> logprob;
  std::vector<float> entropy;
};

struct TargetGradients {
  std::vector<double> byLogprob;
  std::vector<double> byEntropy;
};

/**
 * Used by one thread at a time. On the CPU it shares a batch's sequences out to workers with few threads each: they wait
 * for each other once, at the objective, whereas ggml's threads spin at a barrier behind every operation, which costs
 * much with small models and most of the time on a busy machine.
 */
class TrainKernel {
 public:
  ~TrainKernel();
  /** Throws what it wants to stop the run. */
  using Objective = std::function<TargetGradients(const TargetColumns&)>;

  /** Throws Failure; `progress` as FrozenModel has it. */
  TrainKernel(const std::string& path, const KernelOptions& options, const std::function<bool(float)>& progress);

  /** Throws Failure (BAD_INPUT, OUT_OF_MEMORY, DECODE_FAILED). */
  TargetColumns forward(const TokenBatch& batch, bool base);
  /** Adds to the gradients; leaves them as they were where it throws. */
  TargetColumns accumulate(const TokenBatch& batch, const Objective& objective);

  const FrozenModel& model() const { return *model_; }
  LoraParameters& lora() { return *lora_; }
  std::string deviceName() const;
  /** Operations of the latest graph that the device lacks; empty before the first call. */
  const std::vector<std::string>& fallbackOperations() const { return fallback_; }

 private:
  struct Worker;
  struct Shard;
  struct Call;

  TargetColumns execute(const TokenBatch& batch, const Objective* objective, bool base);
  void prepare(Shard& shard, Worker& worker, const Call& call);
  void compute(Shard& shard, Worker& worker, Call& call);
  void setInputs(const Shard& shard) const;
  bool onLogits(ggml_tensor* tensor, Shard& shard, Call& call);
  void reduce(ggml_tensor* logits, float* rows, Shard& shard, Call& call);
  /** Waits until all shards have their columns and one of them has asked the objective; whether to go on. */
  bool meet(Call& call) const;
  void askObjective(Call& call) const;
  void eachRow(const Call& call, const Shard& shard, size_t rows, const std::function<void(size_t, size_t)>& work);
  void addGradients(const Shard& shard, double factor);
  void noteFallbacks(const Worker& worker, ggml_cgraph* graph);

  size_t threads_;
  std::unique_ptr<ggml_backend, GgmlFree> cpu_;
  std::unique_ptr<ggml_backend, GgmlFree> gpu_;
  std::unique_ptr<FrozenModel> model_;
  std::unique_ptr<LoraParameters> lora_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Backward backward_ = Backward::tiled;
  RowPool pool_;
  std::vector<ReduceScratch> scratch_;
  std::vector<std::string> fallback_;
};

}  // namespace forksight
