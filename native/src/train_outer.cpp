#include "train_outer.h"

#include <vector>

#include "train_outer_kernel.h"
#include "training_api.h"
#include "vectors.h"

namespace forksight {
namespace {

using outer::Strided;
using outer::Tile;

using Columns = void (*)(const float* panel, size_t depth, const Strided& b, const Tile& out, size_t count);

void columnsBaseline(const float* panel, size_t depth, const Strided& b, const Tile& out, size_t count) {
  outer::columns<kBaselineLanes, 2>(panel, depth, b, out, count);
}

/** Of i0 in a panel, at most. */
constexpr size_t kWidest = 2 * kAvx512Lanes;

/** How wide a panel is, in values of i0, and who works on it. */
struct Choice {
  size_t width;
  Columns run;
};

constexpr Choice kBaseline = {2 * kBaselineLanes, columnsBaseline};

#ifdef FORKSIGHT_DISPATCH

FORKSIGHT_FOR_AVX2 void columnsAvx2(const float* panel, size_t depth, const Strided& b, const Tile& out, size_t count) {
  outer::columns<kAvx2Lanes, 2>(panel, depth, b, out, count);
}
FORKSIGHT_FOR_AVX512 void narrowAvx512(const float* panel, size_t depth, const Strided& b, const Tile& out,
                                       size_t count) {
  outer::columns<kAvx512Lanes, 1>(panel, depth, b, out, count);
}
FORKSIGHT_FOR_AVX512 void wideAvx512(const float* panel, size_t depth, const Strided& b, const Tile& out,
                                     size_t count) {
  outer::columns<kAvx512Lanes, 2>(panel, depth, b, out, count);
}

Choice choose(size_t rows) {
  switch (instructionSet()) {
    case InstructionSet::avx512:
      return rows > kAvx512Lanes ? Choice{kWidest, wideAvx512} : Choice{kAvx512Lanes, narrowAvx512};
    case InstructionSet::avx2:
      return {2 * kAvx2Lanes, columnsAvx2};
    default:
      return kBaseline;
  }
}

#else

Choice choose(size_t) { return kBaseline; }

#endif

/** One matrix of `a`: a[i0, k] at data + i0 * nb0 + k * nb1 bytes. */
struct Rows {
  const char* data;
  size_t nb0;
  size_t nb1;
  ggml_type type;
};

struct Span {
  size_t from;
  size_t to;
};

struct Matrices {
  Rows a;
  Strided b;
  float* dst;
  const float* base;
  ptrdiff_t dstColumn;
  size_t n0;
  size_t depth;
};

/** panel[k][lane] = a[i0 + lane, k], zero beyond the last row. */
void pack(const Rows& a, size_t i0, size_t rows, size_t width, Span k, float* panel) {
  if (a.nb1 == sizeof(float) && a.nb0 != sizeof(float)) {
    // Transposed: along k it is read in order.
    if (rows < width) std::memset(panel, 0, (k.to - k.from) * width * sizeof(float));
    for (size_t lane = 0; lane < rows; ++lane) {
      const auto* from = reinterpret_cast<const float*>(a.data + (i0 + lane) * a.nb0) + k.from;
      for (size_t at = 0; at < k.to - k.from; ++at) panel[at * width + lane] = from[at];
    }
    return;
  }
  for (size_t at = k.from; at < k.to; ++at, panel += width) {
    const char* from = a.data + i0 * a.nb0 + at * a.nb1;
    if (a.nb0 == sizeof(float)) {
      std::memcpy(panel, from, rows * sizeof(float));
    } else {
      for (size_t lane = 0; lane < rows; ++lane) std::memcpy(panel + lane, from + lane * a.nb0, sizeof(float));
    }
    if (rows < width) std::memset(panel + rows, 0, (width - rows) * sizeof(float));
  }
}

void multiply(const Matrices& m, Span i0, Span i1) {
  thread_local std::vector<float> panel;
  thread_local std::vector<float> plain;
  const Choice choice = choose(m.n0);
  const size_t width = choice.width;
  panel.resize(outer::kDepth * width);
  for (size_t from = 0; from < m.depth; from += outer::kDepth) {
    const Span k = {from, std::min(m.depth, from + outer::kDepth)};
    Rows a = m.a;
    Span packed = k;
    if (a.type != GGML_TYPE_F32) {
      const auto toFloat = trainingApi().ggml_get_type_traits(a.type)->to_float;
      plain.resize(outer::kDepth * m.n0);
      for (size_t at = k.from; at < k.to; ++at) {
        toFloat(a.data + at * a.nb1, plain.data() + (at - k.from) * m.n0, static_cast<int64_t>(m.n0));
      }
      a = {reinterpret_cast<const char*>(plain.data()), sizeof(float), m.n0 * sizeof(float), GGML_TYPE_F32};
      packed = {0, k.to - k.from};
    }
    for (size_t row = i0.from; row < i0.to; row += width) {
      const size_t rows = std::min(width, i0.to - row);
      pack(a, row, rows, width, packed, panel.data());
      const ptrdiff_t at = static_cast<ptrdiff_t>(i1.from) * m.dstColumn + static_cast<ptrdiff_t>(row);
      const float* start = from > 0 ? m.dst + at : m.base ? m.base + at : nullptr;
      const Strided b = {m.b.data + static_cast<ptrdiff_t>(i1.from) * m.b.column +
                             static_cast<ptrdiff_t>(k.from) * m.b.step,
                         m.b.column, m.b.step};
      choice.run(panel.data(), k.to - k.from, b, Tile{m.dst + at, m.dstColumn, rows, start}, i1.to - i1.from);
    }
  }
}

/** The part of `count` that falls to thread ith of nth, in steps of `grain`. */
Span share(size_t count, size_t grain, int ith, int nth) {
  const size_t grains = (count + grain - 1) / grain;
  const size_t from = grains * static_cast<size_t>(ith) / static_cast<size_t>(nth);
  const size_t to = grains * static_cast<size_t>(ith + 1) / static_cast<size_t>(nth);
  return {std::min(count, from * grain), std::min(count, to * grain)};
}

void compute(ggml_tensor* dst, int ith, int nth, void*) {
  const ggml_tensor* a = dst->src[0];
  const ggml_tensor* b = dst->src[1];
  const ggml_tensor* base = dst->src[2];
  const auto n0 = static_cast<size_t>(dst->ne[0]);
  const auto n1 = static_cast<size_t>(dst->ne[1]);
  const auto batches = static_cast<size_t>(dst->ne[2] * dst->ne[3]);
  Span batch = {0, batches}, i0 = {0, n0}, i1 = {0, n1};
  if (batches >= static_cast<size_t>(nth)) {
    batch = share(batches, 1, ith, nth);
  } else if (n1 >= n0 || n1 >= static_cast<size_t>(nth) * 8 * outer::kColumns) {
    i1 = share(n1, outer::kColumns, ith, nth);
  } else {
    i0 = share(n0, kWidest, ith, nth);
  }
  if (i0.from == i0.to || i1.from == i1.to) return;
  for (size_t at = batch.from; at < batch.to; ++at) {
    const size_t i2 = at % static_cast<size_t>(dst->ne[2]);
    const size_t i3 = at / static_cast<size_t>(dst->ne[2]);
    const size_t a2 = i2 / static_cast<size_t>(dst->ne[2] / a->ne[2]);
    const size_t a3 = i3 / static_cast<size_t>(dst->ne[3] / a->ne[3]);
    Matrices m = {};
    m.a = {static_cast<const char*>(a->data) + a2 * a->nb[2] + a3 * a->nb[3], a->nb[0], a->nb[1], a->type};
    m.b = {reinterpret_cast<const float*>(static_cast<const char*>(b->data) + i2 * b->nb[2] + i3 * b->nb[3]),
           static_cast<ptrdiff_t>(b->nb[0] / sizeof(float)), static_cast<ptrdiff_t>(b->nb[1] / sizeof(float))};
    const size_t offset = i2 * dst->nb[2] + i3 * dst->nb[3];
    m.dst = reinterpret_cast<float*>(static_cast<char*>(dst->data) + offset);
    m.base = base ? reinterpret_cast<const float*>(static_cast<const char*>(base->data) + offset) : nullptr;
    m.dstColumn = static_cast<ptrdiff_t>(dst->nb[1] / sizeof(float));
    m.n0 = n0;
    m.depth = static_cast<size_t>(a->ne[1]);
    multiply(m, i0, i1);
  }
}

}  // namespace

ggml_tensor* tiledOuterProduct(ggml_context* context, ggml_tensor* a, ggml_tensor* b) {
  return tiledOuterProduct(context, a, b, nullptr);
}

ggml_tensor* tiledOuterProduct(ggml_context* context, ggml_tensor* a, ggml_tensor* b, ggml_tensor* base) {
  ggml_tensor* args[] = {a, b, base};
  return trainingApi().ggml_custom_4d(context, GGML_TYPE_F32, a->ne[0], b->ne[0], b->ne[2], b->ne[3], args,
                                      base ? 3 : 2, compute, GGML_N_TASKS_MAX, nullptr);
}

}  // namespace forksight
