#include "reduce.h"

#include <algorithm>
#include <cmath>

#include "reduce_kernel.h"
#include "vectors.h"

namespace forksight {
namespace {

using kernel::Sums;

struct Pass {
  Sums (*sumRow)(const float*, size_t, float, float, float*);
  const char* name;
};

Sums sumBaseline(const float* row, size_t n, float target, float inverse, float* blockMax) {
  return kernel::sumRow<kBaselineLanes>(row, n, target, inverse, blockMax);
}

#ifdef FORKSIGHT_DISPATCH

FORKSIGHT_FOR_AVX2 Sums sumAvx2(const float* row, size_t n, float target, float inverse, float* blockMax) {
  return kernel::sumRow<kAvx2Lanes>(row, n, target, inverse, blockMax);
}

FORKSIGHT_FOR_AVX512 Sums sumAvx512(const float* row, size_t n, float target, float inverse, float* blockMax) {
  return kernel::sumRow<kAvx512Lanes>(row, n, target, inverse, blockMax);
}

Pass choosePass() {
  switch (instructionSet()) {
    case InstructionSet::avx512:
      return {sumAvx512, "avx512"};
    case InstructionSet::avx2:
      return {sumAvx2, "avx2"};
    default:
      return {sumBaseline, "baseline"};
  }
}

#else

Pass choosePass() { return {sumBaseline, "baseline"}; }

#endif

const Pass& pass() {
  static const Pass chosen = choosePass();
  return chosen;
}

/** Fills scratch.candidates with the ids of the k largest logits, largest first, ties by id. */
void chooseTop(const float* row, size_t n, size_t k, ReduceScratch& scratch) {
  auto& ids = scratch.candidates;
  ids.clear();
  const auto before = [row](int32_t a, int32_t b) { return row[a] > row[b] || (row[a] == row[b] && a < b); };
  // The k-th largest of the blocks' maxima is a lower bound of the k-th largest logit: only blocks that reach it matter.
  float bound = -INFINITY;
  if (k <= scratch.blockMax.size()) {
    scratch.sorted = scratch.blockMax;
    std::nth_element(scratch.sorted.begin(), scratch.sorted.begin() + (k - 1), scratch.sorted.end(),
                     std::greater<float>());
    bound = scratch.sorted[k - 1];
  }
  for (size_t block = 0; block < scratch.blockMax.size(); ++block) {
    if (scratch.blockMax[block] < bound) continue;
    const size_t start = block * kernel::kBlock;
    const size_t end = std::min(start + kernel::kBlock, n);
    for (size_t i = start; i < end; ++i) {
      if (row[i] >= bound) ids.push_back(static_cast<int32_t>(i));
    }
  }
  if (k < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + k, ids.end(), before);
    ids.resize(k);
  }
  std::sort(ids.begin(), ids.end(), before);
}

}  // namespace

bool reduceRow(const float* logits, size_t vocabulary, int32_t target, double temperature, size_t topK,
               ReduceScratch& scratch, const RowOut& out) {
  scratch.blockMax.resize((vocabulary + kernel::kBlock - 1) / kernel::kBlock);
  const float targetLogit = logits[target];
  const double inverse = 1.0 / temperature;
  const Sums sums =
      pass().sumRow(logits, vocabulary, targetLogit, static_cast<float>(inverse), scratch.blockMax.data());
  if (sums.hasNan || !std::isfinite(sums.maximum)) return false;

  const double logSum = std::log(sums.s);
  const auto logprob = [&](float logit) {
    return static_cast<float>((static_cast<double>(logit) - sums.maximum) * inverse - logSum);
  };
  *out.entropy = static_cast<float>(std::max(0.0, logSum - sums.u / sums.s));
  *out.logprob = logprob(targetLogit);
  *out.rank = sums.greater + 1;
  if (topK > 0) {
    chooseTop(logits, vocabulary, topK, scratch);
    for (size_t i = 0; i < topK; ++i) {
      out.topIds[i] = scratch.candidates[i];
      out.topLogprobs[i] = logprob(logits[scratch.candidates[i]]);
    }
  }
  return true;
}

const char* reduceInstructionSet() { return pass().name; }

}  // namespace forksight
