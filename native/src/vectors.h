// Compiling one piece of code for several instruction sets, chosen at run time.
#pragma once

#include <cstddef>

#if (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(_M_X64))
#define FORKSIGHT_DISPATCH 1
#define FORKSIGHT_FOR_AVX2 __attribute__((target("avx2,fma")))
#define FORKSIGHT_FOR_AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#endif

namespace forksight {

/** Floats of a register. The baseline's are those of SSE2 and NEON. */
constexpr size_t kBaselineLanes = 4;
constexpr size_t kAvx2Lanes = 8;
constexpr size_t kAvx512Lanes = 16;

enum class InstructionSet { baseline, avx2, avx512 };

/** The best that this processor has. */
inline InstructionSet instructionSet() {
#ifdef FORKSIGHT_DISPATCH
  static const InstructionSet best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      return InstructionSet::avx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? InstructionSet::avx2
                                                                           : InstructionSet::baseline;
  }();
  return best;
#else
  return InstructionSet::baseline;
#endif
}

}  // namespace forksight
