// A small random generator whose numbers are the same on every machine and compiler.
#pragma once

#include <cstdint>

namespace forksight {

/** SplitMix64 (Steele, Lea and Flood), seeded by three numbers, so that streams can be told apart by index. */
class Random {
 public:
  Random(uint64_t seed, uint64_t first, uint64_t second) {
    state_ = seed;
    state_ = next() ^ first;
    state_ = next() ^ second;
  }

  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  /** In [0, 1), 53 bits. */
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_ = 0;
};

}  // namespace forksight
