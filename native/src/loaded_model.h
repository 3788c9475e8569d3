// A model in memory, shared by the JavaScript object and by every scorer made from it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llama_api.h"

namespace forksight {

class LoadedModel {
 public:
  /**
   * llama_model_load_from_file. Throws Failure (BAD_MODEL).
   * @param gpuLayers 0 keeps everything on the CPU
   * @param vocabularyOnly loads no weights: the result tokenises and gives pieces
   * @param progress called with 0 to 1; returns false to stop, which throws Failure (ABORT_ERR)
   */
  static std::shared_ptr<LoadedModel> load(const std::string& path, int gpuLayers, bool vocabularyOnly,
                                           const std::function<bool(float)>& progress);
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  llama_model* get() const { return model_; }
  const std::string& path() const { return path_; }
  int gpuLayers() const { return gpuLayers_; }
  int32_t vocabulary() const { return vocabulary_; }
  /** BOS where the tokenizer puts one in front, else -1: a later window starts with it too. */
  int32_t leadingBos() const;
  const llama_vocab* vocab() const { return vocab_; }
  std::string description() const;
  /** False with an encoder, a diffusion model, non-causal attention or a pooling head. */
  bool scores() const;
  /** Whether there is such a key; its value in `value`. */
  bool metadata(const std::string& key, std::string& value) const;
  std::vector<int32_t> tokenize(const std::string& text, bool addSpecial, bool parseSpecial) const;
  std::string piece(int32_t id) const;

 private:
  LoadedModel(llama_model* model, std::string path, int gpuLayers);

  llama_model* model_;
  const llama_vocab* vocab_;
  std::string path_;
  int gpuLayers_;
  int32_t vocabulary_;
};

}  // namespace forksight
