#include "row_passes.h"

#include <cmath>
#include <cstring>

#include "reduce_kernel.h"
#include "vectors.h"

namespace forksight {
namespace {

/** row = p (first + second ln p), ln p = row * inverse + shift */
struct Weights {
  float inverse;
  float shift;
  float first;
  float second;
};

FORKSIGHT_INLINE float one(float logit, const Weights& w) {
  const float lnP = logit * w.inverse + w.shift;
  return lnP > kernel::kLowest ? std::exp(lnP) * (w.first + w.second * lnP) : 0.0f;
}

#ifdef FORKSIGHT_VECTORS

template <size_t L>
FORKSIGHT_INLINE void whole(float* row, size_t n, const Weights& w) {
  using Floats = kernel::Floats<L>;
  using Ints = kernel::Ints<L>;
  Floats lowest, zero;
  kernel::fill(kernel::kLowest, lowest);
  kernel::fill(0.0f, zero);
  size_t i = 0;
  for (; i + L <= n; i += L) {
    Floats lnP;
    kernel::load(row + i, lnP);
    lnP = lnP * w.inverse + w.shift;
    const Floats x = lnP > lowest ? lnP : lowest;
    const Floats shifted = x * kernel::kLog2e + kernel::kRound;
    const Floats whole = shifted - kernel::kRound;
    const Floats r = (x - whole * kernel::kLn2High) - whole * kernel::kLn2Low;
    const Floats poly = FORKSIGHT_EXP_POLY(r);
    const Ints bits = (((Ints)shifted - kernel::kRoundBits) + 127) << 23;
    Floats out = poly * (Floats)bits * (x * w.second + w.first);
    out = lnP > lowest ? out : zero;
    std::memcpy(row + i, &out, sizeof out);
  }
  for (; i < n; ++i) row[i] = one(row[i], w);
}

#else

template <size_t>
FORKSIGHT_INLINE void whole(float* row, size_t n, const Weights& w) {
  for (size_t i = 0; i < n; ++i) row[i] = one(row[i], w);
}

#endif

#ifdef FORKSIGHT_DISPATCH

FORKSIGHT_FOR_AVX2 void wholeAvx2(float* row, size_t n, const Weights& w) { whole<kAvx2Lanes>(row, n, w); }
FORKSIGHT_FOR_AVX512 void wholeAvx512(float* row, size_t n, const Weights& w) { whole<kAvx512Lanes>(row, n, w); }

void run(float* row, size_t n, const Weights& w) {
  switch (instructionSet()) {
    case InstructionSet::avx512:
      return wholeAvx512(row, n, w);
    case InstructionSet::avx2:
      return wholeAvx2(row, n, w);
    default:
      return whole<kBaselineLanes>(row, n, w);
  }
}

#else

void run(float* row, size_t n, const Weights& w) { whole<kBaselineLanes>(row, n, w); }

#endif

}  // namespace

void logitsToProbabilities(const float* logits, size_t vocabulary, double temperature, float knownLogit,
                           float knownLogprob, float* out) {
  std::memcpy(out, logits, vocabulary * sizeof(float));
  const double inverse = 1.0 / temperature;
  const double shift = knownLogprob - static_cast<double>(knownLogit) * inverse;
  run(out, vocabulary, {static_cast<float>(inverse), static_cast<float>(shift), 1.0f, 0.0f});
}

void logitsToGradient(float* row, size_t vocabulary, const RowGradient& known, double factor) {
  if (known.byLogprob == 0 && known.byEntropy == 0) {
    std::memset(row, 0, vocabulary * sizeof(float));
    return;
  }
  const double inverse = 1.0 / known.temperature;
  const double scale = factor * inverse;
  // ln p of token j = (logit[j] - logit[token]) / T + ln p of the token.
  const double shift = known.logprob - static_cast<double>(row[known.token]) * inverse;
  const Weights weights = {static_cast<float>(inverse), static_cast<float>(shift),
                           static_cast<float>(scale * (-known.byLogprob - known.byEntropy * known.entropy)),
                           static_cast<float>(-scale * known.byEntropy)};
  run(row, vocabulary, weights);
  row[known.token] += static_cast<float>(scale * known.byLogprob);
}

}  // namespace forksight
