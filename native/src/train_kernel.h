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

/** TokenBatch of native/addon/training.ts. */
struct TokenBatch {
  std::vector<int32_t> ids;
  std::vector<int32_t> offsets;
  std::vector<int32_t> targets;
  double temperature;
};

struct TargetColumns {
  std::vector<float> logprob;
  std::vector<float> entropy;
};

struct TargetGradients {
  std::vector<double> byLogprob;
  std::vector<double> byEntropy;
};

/** Used by one thread at a time. */
class TrainKernel {
 public:
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
  struct Run;

  void check(const TokenBatch& batch) const;
  void execute(Run& run);
  void setInputs(const Run& run) const;
  bool onLogits(ggml_tensor* tensor, Run& run);
  void reduce(ggml_tensor* logits, float* rows, Run& run);
  bool backpropagates(Run& run) const;
  void addGradients(const Run& run);
  void noteFallbacks(ggml_cgraph* graph);

  std::unique_ptr<ggml_backend, GgmlFree> cpu_;
  std::unique_ptr<ggml_backend, GgmlFree> gpu_;
  std::unique_ptr<FrozenModel> model_;
  std::unique_ptr<LoraParameters> lora_;
  std::unique_ptr<ggml_backend_sched, GgmlFree> scheduler_;
  size_t schedulerNodes_ = 0;
  Backward backward_ = Backward::tiled;
  RowPool pool_;
  std::vector<ReduceScratch> scratch_;
  std::vector<std::string> fallback_;
};

}  // namespace forksight
