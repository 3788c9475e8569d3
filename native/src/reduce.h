// From one row of logits to entropy, log-probability, rank and the most probable tokens, on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace forksight {

/** Where the numbers of one row go. `topIds` and `topLogprobs` have room for topK entries. */
struct RowOut {
  float* entropy;
  float* logprob;
  uint32_t* rank;
  int32_t* topIds;
  float* topLogprobs;
};

/** Scratch memory of one thread, so that a row allocates nothing. */
struct ReduceScratch {
  std::vector<float> blockMax;
  std::vector<float> sorted;
  std::vector<int32_t> candidates;
};

/**
 * Reduces one row.
 *
 * Entropy is [80/20] Eq. 1 over the whole vocabulary in nats, with p = softmax(logits / temperature):
 * H = ln S - U / S, where z = (logit - maximum) / temperature, S = sum exp z and U = sum z exp z. Sums run in float over blocks of 1,024
 * and in double over the blocks, so they stay right at a vocabulary of 152k.
 *
 * @param logits vocabulary floats; minus infinity is a token that cannot occur
 * @param target id of the token that stands there; its rank is 1 + the number of strictly larger logits
 * @param topK 0 to vocabulary; ties are ordered by id
 * @return false where the row holds NaN or plus infinity, or nothing but minus infinity (nothing is written then)
 */
bool reduceRow(const float* logits, size_t vocabulary, int32_t target, double temperature, size_t topK,
               ReduceScratch& scratch, const RowOut& out);

/** The instruction set that `reduceRow` runs with on this machine: "avx512", "avx2" or "baseline". */
const char* reduceInstructionSet();

}  // namespace forksight
