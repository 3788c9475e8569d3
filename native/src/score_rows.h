// The numbers of a scored sequence, one row per token.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "reduce.h"

namespace forksight {

/** Rows [first, first + size()) of a sequence. */
class ScoreRows {
 public:
  ScoreRows() = default;
  ScoreRows(size_t first, size_t count, size_t topK) : first_(first), topK_(topK) { resize(count); }

  size_t first() const { return first_; }
  size_t size() const { return entropy.size(); }
  size_t end() const { return first_ + size(); }
  size_t topK() const { return topK_; }

  /** New rows say "no distribution": NaN, rank 0, id -1. */
  void resize(size_t count) {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    entropy.resize(count, nan);
    logprob.resize(count, nan);
    rank.resize(count, 0);
    topIds.resize(count * topK_, -1);
    topLogprobs.resize(count * topK_, nan);
  }

  RowOut row(size_t i) {
    const size_t at = i - first_;
    return {&entropy[at], &logprob[at], &rank[at], topIds.data() + at * topK_, topLogprobs.data() + at * topK_};
  }

  /** Copies rows [from, to), which both hold, from `other` of the same topK. */
  void copyFrom(const ScoreRows& other, size_t from, size_t to) {
    if (from >= to) return;
    const auto part = [&](const auto& source, auto& target, size_t width) {
      std::copy(source.begin() + (from - other.first_) * width, source.begin() + (to - other.first_) * width,
                target.begin() + (from - first_) * width);
    };
    part(other.entropy, entropy, 1);
    part(other.logprob, logprob, 1);
    part(other.rank, rank, 1);
    part(other.topIds, topIds, topK_);
    part(other.topLogprobs, topLogprobs, topK_);
  }

  std::vector<float> entropy;
  std::vector<float> logprob;
  std::vector<uint32_t> rank;
  std::vector<int32_t> topIds;
  std::vector<float> topLogprobs;

 private:
  size_t first_ = 0;
  size_t topK_ = 0;
};

}  // namespace forksight
