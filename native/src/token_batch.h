// The batch of one call, and how it is shared out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace forksight {

/** TokenBatch of native/addon/training.ts. */
struct TokenBatch {
  std::vector<int32_t> ids;
  std::vector<int32_t> offsets;
  std::vector<int32_t> targets;
  double temperature;
};

/** Throws Failure (BAD_INPUT) that says what does not fit. */
void checkBatch(const TokenBatch& batch, int32_t vocabulary);

/** Some of a batch's sequences. */
struct BatchPart {
  TokenBatch batch;
  /** Where its first target stands among the whole batch's. */
  size_t firstTarget;
};

/** At most `most` runs of sequences with about the same number of tokens each; sequences without a target are left out. */
std::vector<BatchPart> splitBatch(const TokenBatch& batch, size_t most);

}  // namespace forksight
