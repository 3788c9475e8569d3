// LoRA matrices as the GGUF adapter that stock llama.cpp loads.
#pragma once

#include <string>

#include "lora_parameters.h"

namespace forksight {

/** Writes to a temporary name beside `path`, then renames. Throws Failure (BAD_INPUT) where the file cannot be written. */
void writeAdapter(LoraParameters& lora, const std::string& architecture, const std::string& path);

/** Replaces the matrices and resets the optimiser. Throws Failure (BAD_MODEL); then nothing is changed. */
void readAdapter(LoraParameters& lora, const std::string& architecture, const std::string& path);

}  // namespace forksight
