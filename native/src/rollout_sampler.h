// Choosing the next token of a rollout from its logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "random.h"
#include "reduce.h"

namespace forksight {

/** SamplingOptions of native/addon/rollouts.ts, without what the sampler does not need. */
struct SamplerOptions {
  double temperature;
  /** 0: off */
  size_t topK;
  /** 1: off */
  double topP;
  /** 0: off */
  double minP;
};

struct Sampled {
  int32_t token;
  /** Of the full distribution at the temperature, nats. */
  float logprob;
  float entropy;
};

/** Scratch memory of one thread. */
class RolloutSampler {
 public:
  /**
   * Samples one token: temperature, then top-k, top-p over what is left, min-p. One number is drawn.
   * @returns false where the row is no distribution (NaN or infinity)
   */
  bool sample(const float* logits, size_t vocabulary, const SamplerOptions& options, Random& random, Sampled& out);

 private:
  int32_t drawFromAll(double uniform) const;
  int32_t drawFromFiltered(const SamplerOptions& options, double uniform);
  /** Probabilities of tokens, the largest first, ties by id: all that can survive the filters. */
  void collectCandidates(const SamplerOptions& options);

  ReduceScratch scratch_;
  std::vector<float> probabilities_;
  std::vector<int32_t> candidates_;
};

}  // namespace forksight
