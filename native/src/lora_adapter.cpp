#include "lora_adapter.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "failure.h"
#include "gguf_values.h"

namespace forksight {
namespace fs = std::filesystem;

void writeAdapter(LoraParameters& lora, const std::string& architecture, const std::string& path) {
  const TrainingApi& ggml = trainingApi();
  const std::unique_ptr<gguf_context, GgmlFree> file(ggml.gguf_init_empty());
  ggml.gguf_set_val_str(file.get(), "general.type", "adapter");
  ggml.gguf_set_val_str(file.get(), "general.architecture", architecture.c_str());
  ggml.gguf_set_val_str(file.get(), "adapter.type", "lora");
  ggml.gguf_set_val_f32(file.get(), "adapter.lora.alpha", lora.options().alpha);
  // A context that holds the data: gguf writes from host memory, the graph's copies may be on a device.
  const size_t overhead = ggml.ggml_tensor_overhead() + 64;
  const std::unique_ptr<ggml_context, GgmlFree> context(
      ggml.ggml_init({overhead * (lora.matrices().size() + 1), nullptr, true}));
  for (const LoraMatrix& matrix : lora.matrices()) {
    ggml_tensor* tensor =
        ggml.ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, static_cast<int64_t>(matrix.columns),
                                static_cast<int64_t>(matrix.rows));
    ggml.ggml_set_name(tensor, matrix.name.c_str());
    ggml.gguf_add_tensor(file.get(), tensor);
    ggml.gguf_set_tensor_data(file.get(), matrix.name.c_str(), matrix.values.data());
  }
  const std::string temporary = path + ".part";
  std::error_code error;
  if (!ggml.gguf_write_to_file(file.get(), temporary.c_str(), false)) {
    fs::remove(fs::u8path(temporary), error);
    throw Failure(kBadInput, "The adapter could not be written to " + path + ": does its folder exist, and is there room?");
  }
  fs::rename(fs::u8path(temporary), fs::u8path(path), error);
  if (error) {
    const std::string why = error.message();
    fs::remove(fs::u8path(temporary), error);
    throw Failure(kBadInput, "The adapter could not be written to " + path + ": " + why + ".");
  }
}

void readAdapter(LoraParameters& lora, const std::string& architecture, const std::string& path) {
  const TrainingApi& ggml = trainingApi();
  const LogCapture log;
  ggml_context* listed = nullptr;
  const std::unique_ptr<gguf_context, GgmlFree> file(ggml.gguf_init_from_file(path.c_str(), {true, &listed}));
  const std::unique_ptr<ggml_context, GgmlFree> tensors(listed);
  if (!file || !tensors) {
    throw Failure(kBadModel, path + " cannot be read as a GGUF adapter: " + log.errors("it is missing or no GGUF file") + ".");
  }
  const GgufValues values(file.get(), path);
  if (values.text("general.type", "") != "adapter" || values.text("general.architecture", "") != architecture) {
    throw Failure(kBadModel, path + " is no LoRA adapter for a model of the architecture " + architecture + ".");
  }
  const auto refuse = [&](const std::string& why) {
    throw Failure(kBadModel, path + " belongs to other LoRA matrices: " + why + ".");
  };
  if (std::fabs(values.real("adapter.lora.alpha") - lora.options().alpha) > 1e-6f * lora.options().alpha) {
    refuse("its alpha is " + std::to_string(values.real("adapter.lora.alpha")));
  }
  if (static_cast<size_t>(ggml.gguf_get_n_tensors(file.get())) != lora.matrices().size()) {
    refuse("it has " + std::to_string(ggml.gguf_get_n_tensors(file.get())) + " of them, not " +
           std::to_string(lora.matrices().size()));
  }
  std::ifstream stream(fs::u8path(path), std::ios::binary);
  std::vector<std::vector<float>> read;
  for (const LoraMatrix& matrix : lora.matrices()) {
    const ggml_tensor* tensor = ggml.ggml_get_tensor(tensors.get(), matrix.name.c_str());
    const int64_t id = ggml.gguf_find_tensor(file.get(), matrix.name.c_str());
    if (tensor == nullptr || id < 0) refuse("it lacks " + matrix.name);
    if (tensor->type != GGML_TYPE_F32 || tensor->ne[0] != static_cast<int64_t>(matrix.columns) ||
        tensor->ne[1] != static_cast<int64_t>(matrix.rows) || tensor->ne[2] != 1 || tensor->ne[3] != 1) {
      refuse(matrix.name + " has another shape or type");
    }
    read.emplace_back(matrix.values.size());
    stream.seekg(static_cast<std::streamoff>(ggml.gguf_get_data_offset(file.get()) +
                                             ggml.gguf_get_tensor_offset(file.get(), id)));
    if (!stream.read(reinterpret_cast<char*>(read.back().data()),
                     static_cast<std::streamsize>(read.back().size() * sizeof(float)))) {
      throw Failure(kBadModel, path + " is cut off. Use an earlier checkpoint.");
    }
  }
  for (size_t i = 0; i < read.size(); ++i) lora.setValues(lora.matrices()[i], read[i].data());
  lora.zeroGradients();
  lora.resetOptimizer();
}

}  // namespace forksight
