// The weights of a GGUF that stay as they are while LoRA matrices are trained.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "training_api.h"

namespace forksight {

struct Architecture {
  /** general.architecture */
  std::string name;
  int32_t layers;
  int32_t hidden;
  int32_t heads;
  int32_t kvHeads;
  int32_t headSize;
  int32_t valueSize;
  int32_t vocabulary;
  int32_t trainedContext;
  float epsilon;
  int32_t ropeSize;
  /** GGML_ROPE_TYPE_NORMAL or GGML_ROPE_TYPE_NEOX */
  int32_t ropeMode;
  float ropeBase;
  /** 1 / factor of linear scaling */
  float ropeScale;
};

class FrozenModel {
 public:
  /**
   * Reads the file. Throws Failure: BAD_MODEL where it cannot be read or is torn, UNSUPPORTED_MODEL with what is
   * supported, OUT_OF_MEMORY.
   * @param device the back end that holds the weights; token embeddings stay with `cpu`, where they are looked up
   * @param transposed keep a transposed copy of each matrix for the backward pass (a device has no tiled outer product)
   * @param progress called with 0 to 1; returns false to stop, which throws Failure (ABORT_ERR)
   */
  FrozenModel(const std::string& path, ggml_backend* device, ggml_backend* cpu, bool transposed,
              const std::function<bool(float)>& progress);

  const Architecture& architecture() const { return architecture_; }
  /** Null where the model has no such tensor. */
  ggml_tensor* find(const std::string& name) const;
  /** The tensor that a supported model must have. */
  ggml_tensor* get(const std::string& name) const;
  /** The matrix from hidden states to logits; token embeddings where they are tied. */
  ggml_tensor* output() const { return output_; }
  /** The transposed copy of a weight, or null. */
  ggml_tensor* transposedOf(const ggml_tensor* weight) const;
  const std::vector<std::string>& typeNames() const { return typeNames_; }
  size_t bytes() const { return bytes_; }

 private:
  void readArchitecture(const gguf_context* file);
  void checkTensors(const ggml_context* tensors) const;
  void placeTensors(ggml_backend* device, ggml_backend* cpu, bool transposed, const ggml_context* listed);
  void readTensors(const gguf_context* file, const std::function<bool(float)>& progress);

  std::string path_;
  Architecture architecture_ = {};
  std::map<std::string, ggml_tensor*> tensors_;
  std::map<const ggml_tensor*, ggml_tensor*> transposed_;
  ggml_tensor* output_ = nullptr;
  std::vector<std::string> typeNames_;
  size_t bytes_ = 0;
  std::unique_ptr<ggml_context, GgmlFree> onDevice_;
  std::unique_ptr<ggml_context, GgmlFree> onCpu_;
  std::vector<std::unique_ptr<ggml_backend_buffer, GgmlFree>> buffers_;
};

}  // namespace forksight
