// Passes over a row of logits whose normaliser is known (reduce.h): to its gradient, or to probabilities.
#pragma once

#include <cstddef>
#include <cstdint>

namespace forksight {

/** What is known of a row, from reduceRow, and what the objective says of it. */
struct RowGradient {
  int32_t token;
  double temperature;
  float logprob;
  float entropy;
  double byLogprob;
  double byEntropy;
};

/**
 * Overwrites a row of logits by factor * (g (onehot - p) - h p (ln p + H)) / T, with p = softmax(logits / T): see
 * `logitsGradient` in core/rl/objective.ts.
 */
void logitsToGradient(float* row, size_t vocabulary, const RowGradient& known, double factor);

/**
 * softmax(logits / T), where one token's logit and log-probability are known.
 * @param out shape [vocabulary]
 */
void logitsToProbabilities(const float* logits, size_t vocabulary, double temperature, float knownLogit,
                           float knownLogprob, float* out);

}  // namespace forksight
