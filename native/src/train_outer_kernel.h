// The inner tile of the outer product: V vectors of L floats by N columns, held in registers. Included by train_outer.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "reduce_kernel.h"

namespace forksight {
namespace outer {

/** Values of k after which the packed panel (kDepth x 32 floats at most) still fits the first-level cache. */
constexpr size_t kDepth = 256;
constexpr size_t kColumns = 6;

/** b[i1, k] = data[i1 * column + k * step] */
struct Strided {
  const float* data;
  ptrdiff_t column;
  ptrdiff_t step;
};

/** dst += or = of one tile. */
struct Tile {
  float* dst;
  /** Floats between columns of dst. */
  ptrdiff_t column;
  /** Values of i0 in this tile, at most V * L. */
  size_t rows;
  /** What the tile starts from: null for 0; else laid out as dst. */
  const float* from;
};

#ifdef FORKSIGHT_VECTORS

template <size_t L, size_t V, size_t N>
FORKSIGHT_INLINE void tile(const float* panel, size_t depth, const Strided& b, const Tile& out) {
  kernel::Floats<L> sum[N][V] = {};
  for (size_t k = 0; k < depth; ++k) {
    kernel::Floats<L> a[V];
    for (size_t v = 0; v < V; ++v) kernel::load(panel + (k * V + v) * L, a[v]);
    const float* scalar = b.data + static_cast<ptrdiff_t>(k) * b.step;
    for (size_t n = 0; n < N; ++n) {
      const float factor = scalar[static_cast<ptrdiff_t>(n) * b.column];
      for (size_t v = 0; v < V; ++v) sum[n][v] += a[v] * factor;
    }
  }
  for (size_t n = 0; n < N; ++n) {
    float* dst = out.dst + static_cast<ptrdiff_t>(n) * out.column;
    const float* from = out.from ? out.from + static_cast<ptrdiff_t>(n) * out.column : nullptr;
    if (out.rows == V * L) {
      for (size_t v = 0; v < V; ++v) {
        if (from) {
          kernel::Floats<L> before;
          kernel::load(from + v * L, before);
          sum[n][v] += before;
        }
        std::memcpy(dst + v * L, &sum[n][v], sizeof(kernel::Floats<L>));
      }
    } else {
      float lanes[V * L];
      std::memcpy(lanes, sum[n], sizeof lanes);
      for (size_t i = 0; i < out.rows; ++i) dst[i] = lanes[i] + (from ? from[i] : 0.0f);
    }
  }
}

#else

template <size_t L, size_t V, size_t N>
FORKSIGHT_INLINE void tile(const float* panel, size_t depth, const Strided& b, const Tile& out) {
  constexpr size_t width = V * L;
  for (size_t n = 0; n < N; ++n) {
    float sum[width] = {};
    for (size_t k = 0; k < depth; ++k) {
      const float factor = b.data[static_cast<ptrdiff_t>(n) * b.column + static_cast<ptrdiff_t>(k) * b.step];
      for (size_t i = 0; i < width; ++i) sum[i] += panel[k * width + i] * factor;
    }
    const ptrdiff_t at = static_cast<ptrdiff_t>(n) * out.column;
    for (size_t i = 0; i < out.rows; ++i) out.dst[at + i] = sum[i] + (out.from ? out.from[at + i] : 0.0f);
  }
}

#endif

/** All columns of one panel. */
template <size_t L, size_t V>
FORKSIGHT_INLINE void columns(const float* panel, size_t depth, Strided b, Tile out, size_t count) {
  for (; count >= kColumns; count -= kColumns) {
    tile<L, V, kColumns>(panel, depth, b, out);
    b.data += static_cast<ptrdiff_t>(kColumns) * b.column;
    out.dst += static_cast<ptrdiff_t>(kColumns) * out.column;
    if (out.from) out.from += static_cast<ptrdiff_t>(kColumns) * out.column;
  }
  switch (count) {
    case 5:
      return tile<L, V, 5>(panel, depth, b, out);
    case 4:
      return tile<L, V, 4>(panel, depth, b, out);
    case 3:
      return tile<L, V, 3>(panel, depth, b, out);
    case 2:
      return tile<L, V, 2>(panel, depth, b, out);
    case 1:
      return tile<L, V, 1>(panel, depth, b, out);
    default:
      return;
  }
}

}  // namespace outer
}  // namespace forksight
