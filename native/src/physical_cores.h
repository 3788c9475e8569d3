#pragma once

#include <cstddef>

namespace forksight {

/** Physical cores that this process may use, at least 1: with more threads than those, ggml's threads spin against each other. */
size_t physicalCores();

}  // namespace forksight
