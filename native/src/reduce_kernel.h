// The pass over a row, written once on vectors of L floats and compiled for several instruction sets (reduce.cpp), each with
// the L of its registers: GCC keeps vectors wider than a register in memory, which made AVX2 several times slower.
//
// A row of 152k logits does not stay in a core's nearest cache, so it is read once: each block is summed against its own
// maximum while it is near, and the blocks' sums are brought to the row's maximum at the end.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__GNUC__) || defined(__clang__)
#define FORKSIGHT_INLINE static inline __attribute__((always_inline))
#define FORKSIGHT_VECTORS 1
#else
#define FORKSIGHT_INLINE static __forceinline
#endif

namespace forksight {
namespace kernel {

/** Elements whose maximum is kept for the choice of the top k, and after which float sums go into doubles. */
constexpr size_t kBlock = 1024;
/** exp below this is under FLT_MIN: it adds nothing to a sum that holds exp(0), and 0 * -infinity must not arise. */
constexpr float kLowest = -87.0f;

/** Of one block or of a row, with z = (logit - maximum) / temperature. */
struct Sums {
  float maximum = -INFINITY;
  /** sum exp z */
  double s = 0;
  /** sum z exp z */
  double u = 0;
  /** Logits above the target's. */
  uint32_t greater = 0;
  bool hasNan = false;
};

/** exp for x in [-87, 0] by 2^n * p(r), r in [-ln2/2, ln2/2], p the Taylor polynomial of degree 7: within 1.2e-7 relative. */
#define FORKSIGHT_EXP_POLY(r)                                                                                    \
  (1.0f + (r) * (1.0f + (r) * (0.5f + (r) * (1.6666667e-1f + (r) * (4.1666668e-2f + (r) * (8.3333338e-3f +       \
                                                              (r) * (1.3888889e-3f + (r) * 1.9841270e-4f)))))))

constexpr float kLog2e = 1.44269504f;
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440e-4f;
/** Adding it leaves the rounded integer in the low bits of the float. */
constexpr float kRound = 12582912.0f;
constexpr int32_t kRoundBits = 0x4B400000;

#ifdef FORKSIGHT_VECTORS

template <size_t L>
struct Vector {
  typedef float Floats __attribute__((vector_size(L * sizeof(float))));
  typedef int32_t Ints __attribute__((vector_size(L * sizeof(int32_t))));
};
template <size_t L>
using Floats = typename Vector<L>::Floats;
template <size_t L>
using Ints = typename Vector<L>::Ints;

template <typename V>
FORKSIGHT_INLINE void load(const float* from, V& into) {
  std::memcpy(&into, from, sizeof into);
}

template <typename V>
FORKSIGHT_INLINE void fill(float value, V& into) {
  into = value - V{};
}

template <size_t L>
FORKSIGHT_INLINE void firstVector(const float* from, float target, Floats<L>& maximum, Ints<L>& greater, Ints<L>& nan) {
  Floats<L> x;
  load(from, x);
  maximum = x > maximum ? x : maximum;
  greater -= x > target;
  nan |= x != x;
}

template <size_t L>
FORKSIGHT_INLINE void expVector(const float* from, float maximum, float inverse, Floats<L>& s, Floats<L>& u) {
  Floats<L> z;
  load(from, z);
  z = (z - maximum) * inverse;
  Floats<L> lowest;
  fill(kLowest, lowest);
  z = z > lowest ? z : lowest;
  const Floats<L> shifted = z * kLog2e + kRound;
  const Floats<L> n = shifted - kRound;
  const Floats<L> r = (z - n * kLn2High) - n * kLn2Low;
  const Floats<L> p = FORKSIGHT_EXP_POLY(r);
  const Ints<L> bits = (((Ints<L>)shifted - kRoundBits) + 127) << 23;
  const Floats<L> e = p * (Floats<L>)bits;
  s += e;
  u += e * z;
}

#else

template <size_t L>
struct Floats {
  float lane[L];
  float operator[](size_t i) const { return lane[i]; }
};
template <size_t L>
struct Ints {
  int32_t lane[L];
  int32_t operator[](size_t i) const { return lane[i]; }
};

template <size_t L>
FORKSIGHT_INLINE void fill(float value, Floats<L>& into) {
  for (size_t i = 0; i < L; ++i) into.lane[i] = value;
}

template <size_t L>
FORKSIGHT_INLINE void firstVector(const float* from, float target, Floats<L>& maximum, Ints<L>& greater, Ints<L>& nan) {
  for (size_t i = 0; i < L; ++i) {
    const float x = from[i];
    maximum.lane[i] = x > maximum.lane[i] ? x : maximum.lane[i];
    greater.lane[i] += x > target;
    nan.lane[i] |= x != x;
  }
}

template <size_t L>
FORKSIGHT_INLINE void expVector(const float* from, float maximum, float inverse, Floats<L>& s, Floats<L>& u) {
  for (size_t i = 0; i < L; ++i) {
    float z = (from[i] - maximum) * inverse;
    z = z > kLowest ? z : kLowest;
    const float shifted = z * kLog2e + kRound;
    const float n = shifted - kRound;
    const float r = (z - n * kLn2High) - n * kLn2Low;
    int32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits - kRoundBits + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    const float e = FORKSIGHT_EXP_POLY(r) * scale;
    s.lane[i] += e;
    u.lane[i] += e * z;
  }
}

#endif

/** Maximum, count and NaN of a block. */
template <size_t L>
FORKSIGHT_INLINE void scanBlock(const float* block, size_t n, float target, Sums& sums) {
  Floats<L> maximum;
  fill(-INFINITY, maximum);
  Ints<L> greater = {}, nan = {};
  size_t i = 0;
  for (; i + L <= n; i += L) firstVector<L>(block + i, target, maximum, greater, nan);
  for (size_t lane = 0; lane < L; ++lane) {
    sums.maximum = maximum[lane] > sums.maximum ? maximum[lane] : sums.maximum;
    sums.greater += static_cast<uint32_t>(greater[lane]);
    sums.hasNan |= nan[lane] != 0;
  }
  for (; i < n; ++i) {
    sums.maximum = block[i] > sums.maximum ? block[i] : sums.maximum;
    sums.greater += block[i] > target;
    sums.hasNan |= block[i] != block[i];
  }
}

/** S and U of a block against its own maximum, which is finite. */
template <size_t L>
FORKSIGHT_INLINE void sumBlock(const float* block, size_t n, float inverse, Sums& sums) {
  Floats<L> s, u;
  fill(0, s);
  fill(0, u);
  size_t i = 0;
  for (; i + L <= n; i += L) expVector<L>(block + i, sums.maximum, inverse, s, u);
  for (size_t lane = 0; lane < L; ++lane) {
    sums.s += s[lane];
    sums.u += u[lane];
  }
  for (; i < n; ++i) {
    const double z = (static_cast<double>(block[i]) - sums.maximum) * inverse;
    if (z > kLowest) {
      const double e = std::exp(z);
      sums.s += e;
      sums.u += e * z;
    }
  }
}

/** Adds a block's sums to the row's: with d the distance of their maxima, S e^d and (U + d S) e^d of the lower one. */
FORKSIGHT_INLINE void merge(const Sums& block, double inverse, Sums& row) {
  row.greater += block.greater;
  row.hasNan |= block.hasNan;
  if (block.maximum > row.maximum) {
    const double d = (static_cast<double>(row.maximum) - block.maximum) * inverse;
    // The first block meets a row of nothing, whose maximum is minus infinity.
    const double e = row.s > 0 ? std::exp(d) : 0;
    row.u = row.s > 0 ? (row.u + d * row.s) * e : 0;
    row.s *= e;
    row.maximum = block.maximum;
    row.s += block.s;
    row.u += block.u;
  } else if (block.s > 0) {
    const double d = (static_cast<double>(block.maximum) - row.maximum) * inverse;
    const double e = std::exp(d);
    row.s += block.s * e;
    row.u += (block.u + d * block.s) * e;
  }
}

/** The sums of a row. @param blockMax where each block's maximum goes */
template <size_t L>
FORKSIGHT_INLINE Sums sumRow(const float* row, size_t n, float target, float inverse, float* blockMax) {
  Sums all;
  for (size_t start = 0, block = 0; start < n; start += kBlock, ++block) {
    const size_t length = start + kBlock < n ? kBlock : n - start;
    Sums sums;
    scanBlock<L>(row + start, length, target, sums);
    blockMax[block] = sums.maximum;
    if (sums.maximum > -INFINITY && sums.maximum < INFINITY) sumBlock<L>(row + start, length, inverse, sums);
    merge(sums, inverse, all);
  }
  return all;
}

}  // namespace kernel
}  // namespace forksight
