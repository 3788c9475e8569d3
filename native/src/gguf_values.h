// Reading keys of a GGUF with their type checked: gguf's own getters abort the process on a wrong type.
#pragma once

#include <cmath>
#include <string>

#include "failure.h"
#include "training_api.h"

namespace forksight {

class GgufValues {
 public:
  GgufValues(const gguf_context* file, std::string path) : file_(file), path_(std::move(path)) {}

  bool has(const std::string& key) const { return trainingApi().gguf_find_key(file_, key.c_str()) >= 0; }

  std::string text(const std::string& key) const {
    return trainingApi().gguf_get_val_str(file_, find(key, GGUF_TYPE_STRING));
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    return has(key) ? text(key) : otherwise;
  }

  /** An unsigned number from 0 to 2^24. */
  int32_t count(const std::string& key) const {
    const uint32_t value = trainingApi().gguf_get_val_u32(file_, find(key, GGUF_TYPE_UINT32));
    if (value > (1u << 24)) throw Failure(kBadModel, path_ + " has an impossible " + key + ".");
    return static_cast<int32_t>(value);
  }
  int32_t count(const std::string& key, int32_t otherwise) const { return has(key) ? count(key) : otherwise; }

  float real(const std::string& key) const {
    const float value = trainingApi().gguf_get_val_f32(file_, find(key, GGUF_TYPE_FLOAT32));
    if (!std::isfinite(value)) throw Failure(kBadModel, path_ + " has an impossible " + key + ".");
    return value;
  }
  float real(const std::string& key, float otherwise) const { return has(key) ? real(key) : otherwise; }

 private:
  int64_t find(const std::string& key, gguf_type type) const {
    const int64_t id = trainingApi().gguf_find_key(file_, key.c_str());
    if (id < 0) throw Failure(kBadModel, path_ + " lacks the key " + key + ".");
    if (trainingApi().gguf_get_kv_type(file_, id) != type) {
      throw Failure(kBadModel, path_ + " has the key " + key + " in a form that the trainer does not read.");
    }
    return id;
  }

  const gguf_context* file_;
  std::string path_;
};

}  // namespace forksight
