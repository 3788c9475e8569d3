#include "reduce.h"

#include <algorithm>
#include <cmath>

#include "reduce_kernel.h"

namespace forksight {
namespace {

using kernel::FirstPass;
using kernel::Sums;

struct Passes {
  FirstPass (*first)(const float*, size_t, float, float*);
  Sums (*second)(const float*, size_t, float, float);
  const char* name;
};

FirstPass firstBaseline(const float* row, size_t n, float target, float* blockMax) {
  return kernel::firstPass(row, n, target, blockMax);
}
Sums secondBaseline(const float* row, size_t n, float maximum, float inverse) {
  return kernel::secondPass(row, n, maximum, inverse);
}

#if defined(FORKSIGHT_VECTORS) && (defined(__x86_64__) || defined(__i386__))

#define FORKSIGHT_AVX2 __attribute__((target("avx2,fma")))
#define FORKSIGHT_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))

FORKSIGHT_AVX2 FirstPass firstAvx2(const float* row, size_t n, float target, float* blockMax) {
  return kernel::firstPass(row, n, target, blockMax);
}
FORKSIGHT_AVX2 Sums secondAvx2(const float* row, size_t n, float maximum, float inverse) {
  return kernel::secondPass(row, n, maximum, inverse);
}
FORKSIGHT_AVX512 FirstPass firstAvx512(const float* row, size_t n, float target, float* blockMax) {
  return kernel::firstPass(row, n, target, blockMax);
}
FORKSIGHT_AVX512 Sums secondAvx512(const float* row, size_t n, float maximum, float inverse) {
  return kernel::secondPass(row, n, maximum, inverse);
}

Passes choosePasses() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return {firstAvx512, secondAvx512, "avx512"};
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {firstAvx2, secondAvx2, "avx2"};
  return {firstBaseline, secondBaseline, "baseline"};
}

#else

Passes choosePasses() { return {firstBaseline, secondBaseline, "baseline"}; }

#endif

const Passes& passes() {
  static const Passes chosen = choosePasses();
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
  const FirstPass first = passes().first(logits, vocabulary, targetLogit, scratch.blockMax.data());
  if (first.hasNan || !std::isfinite(first.maximum)) return false;

  const double inverse = 1.0 / temperature;
  const Sums sums = passes().second(logits, vocabulary, first.maximum, static_cast<float>(inverse));
  const double logSum = std::log(sums.s);
  const auto logprob = [&](float logit) {
    return static_cast<float>((static_cast<double>(logit) - first.maximum) * inverse - logSum);
  };
  *out.entropy = static_cast<float>(std::max(0.0, logSum - sums.u / sums.s));
  *out.logprob = logprob(targetLogit);
  *out.rank = first.greater + 1;
  if (topK > 0) {
    chooseTop(logits, vocabulary, topK, scratch);
    for (size_t i = 0; i < topK; ++i) {
      out.topIds[i] = scratch.candidates[i];
      out.topLogprobs[i] = logprob(logits[scratch.candidates[i]]);
    }
  }
  return true;
}

const char* reduceInstructionSet() { return passes().name; }

}  // namespace forksight
