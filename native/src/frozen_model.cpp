#include "frozen_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "failure.h"
#include "gguf_values.h"

namespace forksight {
namespace {

const char* const kSupported =
    "Training supports dense models of the architectures llama, qwen2 and qwen3 with weights of the types F32, F16, "
    "BF16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K";

/** Names that the forward pass knows (train_graph.cpp); any other tensor would be silently left out of it. */
bool isKnown(const std::string& name) {
  static const std::regex known(
      R"((token_embd\.weight|output_norm\.weight|output\.weight|rope_freqs\.weight|blk\.\d+\.(attn_norm|ffn_norm|attn_q_norm|attn_k_norm)\.weight|blk\.\d+\.(attn_q|attn_k|attn_v|attn_output|ffn_gate|ffn_up|ffn_down)\.(weight|bias)))");
  return std::regex_match(name, known);
}

bool isSupportedType(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32:
    case GGML_TYPE_F16:
    case GGML_TYPE_BF16:
    case GGML_TYPE_Q8_0:
    case GGML_TYPE_Q4_0:
    case GGML_TYPE_Q4_K:
    case GGML_TYPE_Q5_K:
    case GGML_TYPE_Q6_K:
      return true;
    default:
      return false;
  }
}

bool isMatrix(const ggml_tensor* tensor) { return tensor->ne[1] > 1; }

ggml_context* emptyContext(size_t tensors) {
  ggml_init_params params = {trainingApi().ggml_tensor_overhead() * (tensors + 1), nullptr, true};
  return trainingApi().ggml_init(params);
}

/** rows x columns floats to columns x rows. */
std::vector<float> transpose(const std::vector<float>& from, size_t columns, size_t rows) {
  constexpr size_t block = 32;
  std::vector<float> to(from.size());
  for (size_t r0 = 0; r0 < rows; r0 += block) {
    for (size_t c0 = 0; c0 < columns; c0 += block) {
      for (size_t r = r0; r < std::min(rows, r0 + block); ++r) {
        for (size_t c = c0; c < std::min(columns, c0 + block); ++c) to[c * rows + r] = from[r * columns + c];
      }
    }
  }
  return to;
}

}  // namespace

FrozenModel::FrozenModel(const std::string& path, ggml_backend* device, ggml_backend* cpu, bool transposed,
                         const std::function<bool(float)>& progress)
    : path_(path) {
  const LogCapture log;
  ggml_context* listed = nullptr;
  const std::unique_ptr<gguf_context, GgmlFree> file(trainingApi().gguf_init_from_file(path.c_str(), {true, &listed}));
  const std::unique_ptr<ggml_context, GgmlFree> tensors(listed);
  if (!file || !tensors) {
    throw Failure(kBadModel, path + " cannot be read as a GGUF model: " + log.errors("it is missing or no GGUF file") + ".");
  }
  readArchitecture(file.get());
  checkTensors(tensors.get());
  std::error_code error;
  const auto size = std::filesystem::file_size(std::filesystem::u8path(path), error);
  for (int64_t i = 0; i < trainingApi().gguf_get_n_tensors(file.get()); ++i) {
    const size_t end = trainingApi().gguf_get_data_offset(file.get()) +
                       trainingApi().gguf_get_tensor_offset(file.get(), i) +
                       trainingApi().gguf_get_tensor_size(file.get(), i);
    if (error || end > size) {
      throw Failure(kBadModel, path + " is cut off: its tensor " +
                                   trainingApi().gguf_get_tensor_name(file.get(), i) +
                                   " ends beyond the file. Copy or download it again.");
    }
  }
  placeTensors(device, cpu, transposed, tensors.get());
  readTensors(file.get(), progress);
}

void FrozenModel::readArchitecture(const gguf_context* file) {
  Architecture& a = architecture_;
  const GgufValues values(file, path_);
  a.name = values.text("general.architecture");
  if (a.name != "llama" && a.name != "qwen2" && a.name != "qwen3") {
    throw Failure(kUnsupportedModel, path_ + " has the architecture " + a.name + ". " + kSupported + ".");
  }
  const std::string prefix = a.name + ".";
  if (values.count(prefix + "expert_count", 0) > 0) {
    throw Failure(kUnsupportedModel, path_ + " is a mixture of experts. " + kSupported + ".");
  }
  a.layers = values.count(prefix + "block_count");
  a.hidden = values.count(prefix + "embedding_length");
  a.heads = values.count(prefix + "attention.head_count");
  a.kvHeads = values.count(prefix + "attention.head_count_kv", a.heads);
  if (a.heads < 1 || a.kvHeads < 1 || a.heads % a.kvHeads != 0) {
    throw Failure(kBadModel, path_ + " names " + std::to_string(a.heads) + " query heads for " +
                                 std::to_string(a.kvHeads) + " key heads, which do not divide.");
  }
  if (a.layers < 1 || a.layers > 1024 || a.hidden < 1) {
    throw Failure(kBadModel, path_ + " names an impossible number of layers or hidden units.");
  }
  a.headSize = values.count(prefix + "attention.key_length", a.hidden / a.heads);
  a.valueSize = values.count(prefix + "attention.value_length", a.hidden / a.heads);
  a.trainedContext = values.count(prefix + "context_length");
  a.epsilon = values.real(prefix + "attention.layer_norm_rms_epsilon");
  a.ropeSize = values.count(prefix + "rope.dimension_count", a.headSize);
  a.ropeMode = a.name == "llama" ? GGML_ROPE_TYPE_NORMAL : GGML_ROPE_TYPE_NEOX;
  a.ropeBase = values.real(prefix + "rope.freq_base", 10000.0f);
  if (a.headSize < 2 || a.valueSize < 1 || a.ropeSize < 2 || a.ropeSize > a.headSize || a.ropeSize % 2 != 0 ||
      !(a.ropeBase > 0) || !(a.epsilon >= 0)) {
    throw Failure(kBadModel, path_ + " names impossible sizes of heads or rope.");
  }
  a.ropeScale = 1.0f;
  const std::string scaling = values.text(prefix + "rope.scaling.type", "none");
  if (scaling == "linear") {
    const float factor = values.real(prefix + "rope.scaling.factor");
    if (!(factor > 0)) throw Failure(kBadModel, path_ + " has an impossible rope.scaling.factor.");
    a.ropeScale = 1.0f / factor;
  } else if (scaling != "none") {
    throw Failure(kUnsupportedModel, path_ + " scales its rope by \"" + scaling +
                                         "\"; training supports none, linear and llama 3's frequency factors.");
  }
}

void FrozenModel::checkTensors(const ggml_context* tensors) const {
  const auto refuse = [&](const ggml_tensor* tensor, const std::string& why) {
    throw Failure(kUnsupportedModel, path_ + ": the tensor " + tensor->name + " " + why + ". " + kSupported + ".");
  };
  const Architecture& a = architecture_;
  const std::map<std::string, std::pair<int64_t, int64_t>> shapes = {
      {"attn_q.weight", {a.hidden, int64_t{a.heads} * a.headSize}},
      {"attn_k.weight", {a.hidden, int64_t{a.kvHeads} * a.headSize}},
      {"attn_v.weight", {a.hidden, int64_t{a.kvHeads} * a.valueSize}},
      {"attn_output.weight", {int64_t{a.heads} * a.valueSize, a.hidden}},
      {"attn_norm.weight", {a.hidden, 1}},
      {"ffn_norm.weight", {a.hidden, 1}},
      {"attn_q_norm.weight", {a.headSize, 1}},
      {"attn_k_norm.weight", {a.headSize, 1}},
  };
  std::set<std::string> present;
  for (const ggml_tensor* tensor = trainingApi().ggml_get_first_tensor(tensors); tensor != nullptr;
       tensor = trainingApi().ggml_get_next_tensor(tensors, const_cast<ggml_tensor*>(tensor))) {
    const std::string name = tensor->name;
    present.insert(name);
    if (!isKnown(name)) refuse(tensor, "is unknown to the trainer");
    const ggml_type type = tensor->type;
    if (!isSupportedType(type) || (!isMatrix(tensor) && type != GGML_TYPE_F32)) {
      refuse(tensor, std::string("has the type ") + trainingApi().ggml_type_name(type));
    }
    const size_t dot = name.rfind("blk.", 0) == 0 ? name.find('.', 4) + 1 : std::string::npos;
    const auto shape = dot == std::string::npos ? shapes.end() : shapes.find(name.substr(dot));
    if (shape != shapes.end() && (tensor->ne[0] != shape->second.first || tensor->ne[1] != shape->second.second)) {
      refuse(tensor, "has a shape that does not fit the model's sizes");
    }
  }
  std::vector<std::string> needed = {"token_embd.weight", "output_norm.weight"};
  for (int32_t layer = 0; layer < a.layers; ++layer) {
    for (const char* part : {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate",
                             "ffn_up", "ffn_down"}) {
      needed.push_back("blk." + std::to_string(layer) + "." + part + ".weight");
    }
  }
  for (const std::string& name : needed) {
    if (present.count(name) == 0) throw Failure(kBadModel, path_ + " lacks the tensor " + name + ".");
  }
}

void FrozenModel::placeTensors(ggml_backend* device, ggml_backend* cpu, bool transposed, const ggml_context* listed) {
  const TrainingApi& ggml = trainingApi();
  size_t count = 0;
  for (ggml_tensor* t = ggml.ggml_get_first_tensor(listed); t; t = ggml.ggml_get_next_tensor(listed, t)) ++count;
  onDevice_.reset(emptyContext(2 * count + 2));
  onCpu_.reset(emptyContext(2));
  const auto add = [&](ggml_context* context, const ggml_tensor* like, const std::string& name) {
    ggml_tensor* tensor = ggml.ggml_new_tensor_2d(context, like->type, like->ne[0], like->ne[1]);
    ggml.ggml_set_name(tensor, name.c_str());
    return tensor;
  };
  std::set<std::string> types;
  for (ggml_tensor* t = ggml.ggml_get_first_tensor(listed); t; t = ggml.ggml_get_next_tensor(listed, t)) {
    const std::string name = t->name;
    types.insert(ggml.ggml_type_name(t->type));
    ggml_context* context = name == "token_embd.weight" ? onCpu_.get() : onDevice_.get();
    tensors_[name] = add(context, t, name);
  }
  for (const std::string& name : types) {
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    typeNames_.push_back(upper);
  }
  ggml_tensor* embeddings = get("token_embd.weight");
  architecture_.vocabulary = static_cast<int32_t>(embeddings->ne[1]);
  output_ = find("output.weight");
  if (!output_) output_ = device == cpu ? embeddings : add(onDevice_.get(), embeddings, "output.weight");
  if (output_->ne[0] != architecture_.hidden || embeddings->ne[0] != architecture_.hidden ||
      output_->ne[1] != embeddings->ne[1]) {
    throw Failure(kBadModel, path_ + ": the embeddings' shape does not fit the model's sizes.");
  }
  if (transposed) {
    for (const auto& [name, tensor] : tensors_) {
      if (!isMatrix(tensor) || name == "token_embd.weight") continue;
      transposed_[tensor] = nullptr;
    }
    transposed_[output_] = nullptr;
    for (auto& [tensor, copy] : transposed_) {
      copy = ggml.ggml_new_tensor_2d(onDevice_.get(), tensor->type == GGML_TYPE_F32 ? GGML_TYPE_F32 : GGML_TYPE_F16,
                                     tensor->ne[1], tensor->ne[0]);
    }
  }
  for (const auto& [context, backEnd] : {std::pair{onDevice_.get(), device}, std::pair{onCpu_.get(), cpu}}) {
    buffers_.emplace_back(ggml.ggml_backend_alloc_ctx_tensors(context, backEnd));
    if (!buffers_.back()) {
      throw Failure(kOutOfMemory, "The weights of " + path_ +
                                      " do not fit in memory. Choose a smaller or more quantised model, or the CPU.");
    }
    ggml.ggml_backend_buffer_set_usage(buffers_.back().get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    bytes_ += ggml.ggml_backend_buffer_get_size(buffers_.back().get());
  }
}

void FrozenModel::readTensors(const gguf_context* file, const std::function<bool(float)>& progress) {
  const TrainingApi& ggml = trainingApi();
  std::ifstream stream(std::filesystem::u8path(path_), std::ios::binary);
  const int64_t count = ggml.gguf_get_n_tensors(file);
  std::vector<char> raw;
  for (int64_t i = 0; i < count; ++i) {
    if (!progress(static_cast<float>(i) / static_cast<float>(count))) {
      throw Failure(kAborted, "Loading " + path_ + " was stopped.");
    }
    ggml_tensor* tensor = get(ggml.gguf_get_tensor_name(file, i));
    raw.resize(ggml.ggml_nbytes(tensor));
    stream.seekg(static_cast<std::streamoff>(ggml.gguf_get_data_offset(file) + ggml.gguf_get_tensor_offset(file, i)));
    if (!stream.read(raw.data(), static_cast<std::streamsize>(raw.size()))) {
      throw Failure(kBadModel, path_ + " could not be read to its end. Copy or download it again.");
    }
    ggml.ggml_backend_tensor_set(tensor, raw.data(), 0, raw.size());
    const bool tied = tensor == get("token_embd.weight") && output_ != tensor && !find("output.weight");
    if (tied) ggml.ggml_backend_tensor_set(output_, raw.data(), 0, raw.size());
    ggml_tensor* copy = transposedOf(tied ? output_ : tensor);
    if (copy == nullptr) continue;
    const auto n = static_cast<size_t>(ggml.ggml_nelements(tensor));
    std::vector<float> plain(n);
    if (tensor->type == GGML_TYPE_F32) {
      std::memcpy(plain.data(), raw.data(), raw.size());
    } else {
      ggml.ggml_get_type_traits(tensor->type)->to_float(raw.data(), plain.data(), static_cast<int64_t>(n));
    }
    plain = transpose(plain, static_cast<size_t>(tensor->ne[0]), static_cast<size_t>(tensor->ne[1]));
    if (copy->type == GGML_TYPE_F32) {
      ggml.ggml_backend_tensor_set(copy, plain.data(), 0, n * sizeof(float));
    } else {
      std::vector<ggml_fp16_t> half(n);
      ggml.ggml_fp32_to_fp16_row(plain.data(), half.data(), static_cast<int64_t>(n));
      ggml.ggml_backend_tensor_set(copy, half.data(), 0, n * sizeof(ggml_fp16_t));
    }
  }
  progress(1.0f);
}

ggml_tensor* FrozenModel::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

ggml_tensor* FrozenModel::get(const std::string& name) const {
  ggml_tensor* tensor = find(name);
  if (tensor == nullptr) throw Failure(kBadModel, path_ + " lacks the tensor " + name + ".");
  return tensor;
}

ggml_tensor* FrozenModel::transposedOf(const ggml_tensor* weight) const {
  const auto found = transposed_.find(weight);
  return found == transposed_.end() ? nullptr : found->second;
}

}  // namespace forksight
