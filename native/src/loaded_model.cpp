#include "loaded_model.h"

#include <climits>
#include <filesystem>
#include <fstream>

#include "failure.h"

namespace forksight {
namespace {

/** Says at once what is wrong with a file that cannot be a GGUF; llama.cpp's words for it are terse. */
void checkFile(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path file = fs::u8path(path);
  std::error_code error;
  if (!fs::exists(file, error)) throw Failure(kBadModel, "There is no model file " + path + ".");
  if (!fs::is_regular_file(file, error)) throw Failure(kBadModel, "The model " + path + " is not a file.");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Failure(kBadModel, "The model file " + path + " cannot be opened for reading.");
  char magic[4] = {};
  in.read(magic, sizeof magic);
  if (in.gcount() != sizeof magic || std::string(magic, 4) != "GGUF") {
    throw Failure(kBadModel, "The file " + path + " is not a GGUF model (it does not start with \"GGUF\").");
  }
}

struct Progress {
  const std::function<bool(float)>* report;
  bool stopped;
};

bool onProgress(float fraction, void* data) {
  auto* progress = static_cast<Progress*>(data);
  progress->stopped = !(*progress->report)(fraction);
  return !progress->stopped;
}

}  // namespace

std::shared_ptr<LoadedModel> LoadedModel::load(const std::string& path, int gpuLayers, bool vocabularyOnly,
                                               const std::function<bool(float)>& progress) {
  checkFile(path);
  const LogCapture capture;
  llama_model_params params = api().llama_model_default_params();
  params.n_gpu_layers = gpuLayers;
  params.vocab_only = vocabularyOnly;
  ggml_backend_dev_t none[] = {nullptr};
  // No layer on the GPU means nothing on it: with a device in the list llama.cpp would still send large products there.
  if (gpuLayers == 0) params.devices = none;
  Progress state = {&progress, false};
  params.progress_callback = onProgress;
  params.progress_callback_user_data = &state;
  llama_model* model = nullptr;
  try {
    model = api().llama_model_load_from_file(path.c_str(), params);
  } catch (const std::exception& error) {
    throw Failure(kBadModel, "The model " + path + " does not load: " + error.what());
  }
  if (model == nullptr) {
    if (state.stopped) throw Failure(kAborted, "Loading the model was cancelled.");
    throw Failure(kBadModel, "The model " + path + " does not load: " +
                                 capture.errors("llama.cpp gave no reason; the file may be damaged, or memory too small"));
  }
  return std::shared_ptr<LoadedModel>(new LoadedModel(model, path, gpuLayers));
}

LoadedModel::LoadedModel(llama_model* model, std::string path, int gpuLayers)
    : model_(model),
      vocab_(api().llama_model_get_vocab(model)),
      path_(std::move(path)),
      gpuLayers_(gpuLayers),
      vocabulary_(api().llama_vocab_n_tokens(vocab_)) {}

LoadedModel::~LoadedModel() { api().llama_model_free(model_); }

int32_t LoadedModel::leadingBos() const {
  return api().llama_vocab_get_add_bos(vocab_) ? api().llama_vocab_bos(vocab_) : -1;
}

std::string LoadedModel::description() const {
  char text[256] = {};
  api().llama_model_desc(model_, text, sizeof text);
  return text;
}

bool LoadedModel::scores() const {
  if (!api().llama_model_has_decoder(model_) || api().llama_model_has_encoder(model_) ||
      api().llama_model_is_diffusion(model_)) {
    return false;
  }
  std::string architecture, value;
  metadata("general.architecture", architecture);
  if (metadata(architecture + ".attention.causal", value) && value == "false") return false;
  if (metadata(architecture + ".pooling_type", value) && value != "0") return false;
  return true;
}

bool LoadedModel::metadata(const std::string& key, std::string& value) const {
  std::string buffer(256, '\0');
  int32_t length = api().llama_model_meta_val_str(model_, key.c_str(), buffer.data(), buffer.size());
  if (length < 0) return false;
  if (static_cast<size_t>(length) >= buffer.size()) {
    buffer.resize(static_cast<size_t>(length) + 1);
    length = api().llama_model_meta_val_str(model_, key.c_str(), buffer.data(), buffer.size());
  }
  value = buffer.substr(0, static_cast<size_t>(length));
  return true;
}

std::vector<int32_t> LoadedModel::tokenize(const std::string& text, bool addSpecial, bool parseSpecial) const {
  if (text.size() > static_cast<size_t>(INT32_MAX) - 16) {
    throw Failure(kBadInput, "The text has more than 2 GiB: annotate a part of it.");
  }
  std::vector<int32_t> ids(text.size() + 8);
  const auto length = static_cast<int32_t>(text.size());
  int32_t count = api().llama_tokenize(vocab_, text.data(), length, ids.data(), static_cast<int32_t>(ids.size()),
                                       addSpecial, parseSpecial);
  if (count == INT32_MIN) throw Failure(kBadInput, "The text has too many tokens: annotate a part of it.");
  if (count < 0) {
    ids.resize(static_cast<size_t>(-count));
    count = api().llama_tokenize(vocab_, text.data(), length, ids.data(), static_cast<int32_t>(ids.size()), addSpecial,
                                 parseSpecial);
  }
  if (count < 0) throw Failure(kBadInput, "llama.cpp cannot tokenise this text with the model " + path_ + ".");
  ids.resize(static_cast<size_t>(count));
  return ids;
}

std::string LoadedModel::piece(int32_t id) const {
  if (id < 0 || id >= vocabulary_) {
    throw Failure(kBadInput, "The token id " + std::to_string(id) + " is outside the vocabulary of " +
                                 std::to_string(vocabulary_) + " tokens.");
  }
  std::string text(64, '\0');
  int32_t length = api().llama_token_to_piece(vocab_, id, text.data(), static_cast<int32_t>(text.size()), 0, true);
  if (length < 0) {
    text.resize(static_cast<size_t>(-length));
    length = api().llama_token_to_piece(vocab_, id, text.data(), static_cast<int32_t>(text.size()), 0, true);
  }
  text.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return text;
}

}  // namespace forksight
