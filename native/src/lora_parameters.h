// The trained matrices: masters, gradients and AdamW's moments on the host, copies for the graph on the device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frozen_model.h"
#include "training_api.h"

namespace forksight {

struct LoraOptions {
  size_t rank;
  float alpha;
  /** GGUF names of layers: attn_q, ffn_up, ... */
  std::vector<std::string> targets;
  uint32_t seed;
};

struct AdamW {
  double learningRate;
  double weightDecay;
  double beta1;
  double beta2;
  double epsilon;
  /** 0: no clipping */
  double maxGradNorm;
};

/** One LoRA matrix, row-major: lora_a [rank, in], lora_b [out, rank]. */
struct LoraMatrix {
  std::string name;
  size_t rows;
  size_t columns;
  /** In the graph: lora_a has ne [in, rank], lora_b has ne [rank, out]. */
  ggml_tensor* tensor;
  std::vector<float> values;
  std::vector<float> gradient;
  std::vector<float> firstMoment;
  std::vector<float> secondMoment;
};

class LoraParameters {
 public:
  /** A uniform in +-1/sqrt(in) (PEFT's kaiming_uniform with a = sqrt 5), B zero. Throws Failure (BAD_INPUT, OUT_OF_MEMORY). */
  LoraParameters(const FrozenModel& model, const LoraOptions& options, ggml_backend* device);

  const LoraOptions& options() const { return options_; }
  float scale() const { return options_.alpha / static_cast<float>(options_.rank); }
  std::vector<LoraMatrix>& matrices() { return matrices_; }
  const std::vector<LoraMatrix>& matrices() const { return matrices_; }
  /** The pair on a weight, by the weight's GGUF name; {null, null} where it has none. */
  std::pair<LoraMatrix*, LoraMatrix*> on(const std::string& weight);
  /** Throws Failure (BAD_INPUT) naming the matrices there are. */
  LoraMatrix& get(const std::string& name);
  size_t count() const;

  void setValues(LoraMatrix& matrix, const float* values);
  void zeroGradients();
  /** Euclidean norm of all gradients. */
  double gradientNorm() const;
  /**
   * One step of torch.optim.AdamW after torch.nn.utils.clip_grad_norm_; then the gradients are zero.
   * @returns the norm before clipping; where it is not finite nothing was changed
   */
  double optimizerStep(const AdamW& settings);

  uint64_t step() const { return step_; }
  /** Values, moments and step, with the names and shapes they belong to. */
  std::vector<uint8_t> exportState() const;
  /** Throws Failure (BAD_INPUT) where the state is torn or belongs to other matrices; then nothing is changed. */
  void importState(const std::vector<uint8_t>& state);
  /** Forgets moments and step. */
  void resetOptimizer();

 private:
  void upload(const LoraMatrix& matrix);
  /** A line that names everything a state must agree on. */
  std::string signature() const;

  LoraOptions options_;
  std::vector<LoraMatrix> matrices_;
  uint64_t step_ = 0;
  std::unique_ptr<ggml_context, GgmlFree> context_;
  std::unique_ptr<ggml_backend_buffer, GgmlFree> buffer_;
};

}  // namespace forksight
