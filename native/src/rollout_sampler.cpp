#include "rollout_sampler.h"

#include <algorithm>
#include <cmath>

#include "row_passes.h"

namespace forksight {

bool RolloutSampler::sample(const float* logits, size_t vocabulary, const SamplerOptions& options, Random& random,
                            Sampled& out) {
  uint32_t rank = 0;
  int32_t top = 0;
  float topLogprob = 0, own = 0;
  const RowOut first = {&out.entropy, &own, &rank, &top, &topLogprob};
  if (!reduceRow(logits, vocabulary, 0, options.temperature, 1, scratch_, first)) return false;
  probabilities_.resize(vocabulary);
  logitsToProbabilities(logits, vocabulary, options.temperature, logits[top], topLogprob, probabilities_.data());
  const double uniform = random.uniform();
  const bool filtered = options.topK > 0 || options.topP < 1 || options.minP > 0;
  out.token = filtered ? drawFromFiltered(options, uniform) : drawFromAll(uniform);
  out.logprob = static_cast<float>(
      (static_cast<double>(logits[out.token]) - logits[top]) / options.temperature + topLogprob);
  return true;
}

/** By id: the first token at which the cumulated probability passes uniform times the whole. */
int32_t RolloutSampler::drawFromAll(double uniform) const {
  double total = 0;
  for (const float p : probabilities_) total += p;
  const double wanted = uniform * total;
  double sum = 0;
  int32_t last = 0;
  for (size_t i = 0; i < probabilities_.size(); ++i) {
    if (probabilities_[i] <= 0) continue;
    sum += probabilities_[i];
    last = static_cast<int32_t>(i);
    if (sum > wanted) break;
  }
  return last;
}

void RolloutSampler::collectCandidates(const SamplerOptions& options) {
  const float highest = *std::max_element(probabilities_.begin(), probabilities_.end());
  // What lies below cannot survive: by min-p, or because all of it together is less than what top-p leaves out. Top-k
  // looks at all: top-p's share is of what it leaves, before min-p.
  double bound = 0;
  if (options.topK == 0) {
    bound = std::max<double>(options.minP * highest,
                             0.5 * (1 - options.topP) / static_cast<double>(probabilities_.size()));
  }
  candidates_.clear();
  for (size_t i = 0; i < probabilities_.size(); ++i) {
    if (probabilities_[i] > 0 && probabilities_[i] >= bound) candidates_.push_back(static_cast<int32_t>(i));
  }
  const auto before = [this](int32_t a, int32_t b) {
    const float pa = probabilities_[static_cast<size_t>(a)], pb = probabilities_[static_cast<size_t>(b)];
    return pa > pb || (pa == pb && a < b);
  };
  if (options.topK > 0 && options.topK < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(options.topK),
                     candidates_.end(), before);
    candidates_.resize(options.topK);
  }
  std::sort(candidates_.begin(), candidates_.end(), before);
}

int32_t RolloutSampler::drawFromFiltered(const SamplerOptions& options, double uniform) {
  collectCandidates(options);
  const auto probability = [this](size_t i) {
    return static_cast<double>(probabilities_[static_cast<size_t>(candidates_[i])]);
  };
  double whole = 0;
  if (options.topK > 0) {
    for (size_t i = 0; i < candidates_.size(); ++i) whole += probability(i);
  } else {
    for (const float p : probabilities_) whole += p;
  }
  // Both filters cut a prefix of the sorted candidates; at least the most probable one stays.
  double mass = 0;
  size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || probability(kept) >= options.minP * probability(0))) {
    mass += probability(kept++);
    if (options.topP < 1 && mass >= options.topP * whole) break;
  }
  const double wanted = uniform * mass;
  double sum = 0;
  for (size_t i = 0; i < kept; ++i) {
    sum += probability(i);
    if (sum > wanted) return candidates_[i];
  }
  return candidates_[kept - 1];
}

}  // namespace forksight
