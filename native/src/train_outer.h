// A tiled outer product for the CPU, as a custom operation of ggml. ggml's own OUT_PROD is not tiled, and its MUL_MAT
// wants both operands transposed and contiguous; this one takes any strides, so that a backward pass copies nothing.
#pragma once

#include "ggml.h"

namespace forksight {

/**
 * A node dst[i0, i1, i2, i3] = sum over k of a[i0, k, i2', i3'] * b[i1, k, i2, i3]; a's outer dimensions are broadcast, as
 * OUT_PROD has it. The sum's order does not depend on the number of threads.
 * @param a shape [n0, K, ..]; F32 with any strides, or another type with whole rows (dequantised on the way)
 * @param b shape [n1, K, ..]; F32, any strides
 */
ggml_tensor* tiledOuterProduct(ggml_context* context, ggml_tensor* a, ggml_tensor* b);

/** The same, added to `base` of the result's shape (contiguous). */
ggml_tensor* tiledOuterProduct(ggml_context* context, ggml_tensor* a, ggml_tensor* b, ggml_tensor* base);

}  // namespace forksight
