#include "lora_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "failure.h"
#include "random.h"

namespace forksight {
namespace {

const char* const kTargets[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
constexpr char kMagic[8] = {'F', 'S', 'L', 'O', 'R', 'A', '0', '1'};

template <typename T>
void append(std::vector<uint8_t>& to, const T* from, size_t count) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(from);
  to.insert(to.end(), bytes, bytes + count * sizeof(T));
}

/** FNV-1a: tells a torn state from a whole one. */
uint64_t checksum(const uint8_t* bytes, size_t count) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

}  // namespace

LoraParameters::LoraParameters(const FrozenModel& model, const LoraOptions& options, ggml_backend* device)
    : options_(options) {
  const TrainingApi& ggml = trainingApi();
  if (options.rank < 1 || options.rank > 4096) throw Failure(kBadInput, "rank must lie from 1 to 4096.");
  if (!(options.alpha > 0) || !std::isfinite(options.alpha)) throw Failure(kBadInput, "alpha must be above 0.");
  if (options.targets.empty()) throw Failure(kBadInput, "targets must name at least one linear layer.");
  for (const std::string& target : options.targets) {
    if (std::find(std::begin(kTargets), std::end(kTargets), target) == std::end(kTargets)) {
      throw Failure(kBadInput, "targets: there is no linear layer " + target +
                                   "; choose from attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down.");
    }
  }
  const int32_t layers = model.architecture().layers;
  ggml_init_params params = {ggml.ggml_tensor_overhead() * (static_cast<size_t>(layers) * 14 + 1), nullptr, true};
  context_.reset(ggml.ggml_init(params));
  Random random(options.seed, 0, 0);
  for (int32_t layer = 0; layer < layers; ++layer) {
    for (const char* target : kTargets) {
      if (std::find(options.targets.begin(), options.targets.end(), target) == options.targets.end()) continue;
      const std::string weight = "blk." + std::to_string(layer) + "." + target + ".weight";
      const ggml_tensor* base = model.get(weight);
      for (const bool isA : {true, false}) {
        LoraMatrix matrix;
        matrix.name = weight + (isA ? ".lora_a" : ".lora_b");
        matrix.rows = isA ? options.rank : static_cast<size_t>(base->ne[1]);
        matrix.columns = isA ? static_cast<size_t>(base->ne[0]) : options.rank;
        matrix.tensor = ggml.ggml_new_tensor_2d(context_.get(), GGML_TYPE_F32, static_cast<int64_t>(matrix.columns),
                                                static_cast<int64_t>(matrix.rows));
        ggml.ggml_set_name(matrix.tensor, matrix.name.c_str());
        ggml.ggml_set_param(matrix.tensor);
        const size_t n = matrix.rows * matrix.columns;
        matrix.values.assign(n, 0.0f);
        matrix.gradient.assign(n, 0.0f);
        matrix.firstMoment.assign(n, 0.0f);
        matrix.secondMoment.assign(n, 0.0f);
        if (isA) {
          const double bound = 1.0 / std::sqrt(static_cast<double>(matrix.columns));
          for (float& value : matrix.values) value = static_cast<float>((2 * random.uniform() - 1) * bound);
        }
        matrices_.push_back(std::move(matrix));
      }
    }
  }
  buffer_.reset(ggml.ggml_backend_alloc_ctx_tensors(context_.get(), device));
  if (!buffer_) throw Failure(kOutOfMemory, "The LoRA matrices do not fit in memory. Choose a smaller rank.");
  for (const LoraMatrix& matrix : matrices_) upload(matrix);
}

std::pair<LoraMatrix*, LoraMatrix*> LoraParameters::on(const std::string& weight) {
  for (size_t i = 0; i + 1 < matrices_.size(); i += 2) {
    if (matrices_[i].name == weight + ".lora_a") return {&matrices_[i], &matrices_[i + 1]};
  }
  return {nullptr, nullptr};
}

LoraMatrix& LoraParameters::get(const std::string& name) {
  for (LoraMatrix& matrix : matrices_) {
    if (matrix.name == name) return matrix;
  }
  throw Failure(kBadInput, "There is no parameter " + name + "; the first is " + matrices_.front().name + ".");
}

size_t LoraParameters::count() const {
  size_t total = 0;
  for (const LoraMatrix& matrix : matrices_) total += matrix.values.size();
  return total;
}

void LoraParameters::setValues(LoraMatrix& matrix, const float* values) {
  std::copy_n(values, matrix.values.size(), matrix.values.begin());
  upload(matrix);
}

void LoraParameters::zeroGradients() {
  for (LoraMatrix& matrix : matrices_) std::fill(matrix.gradient.begin(), matrix.gradient.end(), 0.0f);
}

double LoraParameters::gradientNorm() const {
  double squares = 0;
  for (const LoraMatrix& matrix : matrices_) {
    for (const float g : matrix.gradient) squares += static_cast<double>(g) * g;
  }
  return std::sqrt(squares);
}

double LoraParameters::optimizerStep(const AdamW& settings) {
  const double norm = gradientNorm();
  if (std::isfinite(norm)) {
    // torch's clip_grad_norm_: the coefficient is clamped to 1, with 1e-6 against division by zero.
    const double clip = settings.maxGradNorm > 0 ? std::min(1.0, settings.maxGradNorm / (norm + 1e-6)) : 1.0;
    ++step_;
    const double correction1 = 1 - std::pow(settings.beta1, static_cast<double>(step_));
    const double correction2 = std::sqrt(1 - std::pow(settings.beta2, static_cast<double>(step_)));
    const double decay = 1 - settings.learningRate * settings.weightDecay;
    const double rate = settings.learningRate / correction1;
    for (LoraMatrix& matrix : matrices_) {
      for (size_t i = 0; i < matrix.values.size(); ++i) {
        const double g = clip * matrix.gradient[i];
        const double m = settings.beta1 * matrix.firstMoment[i] + (1 - settings.beta1) * g;
        const double v = settings.beta2 * matrix.secondMoment[i] + (1 - settings.beta2) * g * g;
        matrix.firstMoment[i] = static_cast<float>(m);
        matrix.secondMoment[i] = static_cast<float>(v);
        matrix.values[i] =
            static_cast<float>(matrix.values[i] * decay - rate * m / (std::sqrt(v) / correction2 + settings.epsilon));
      }
      upload(matrix);
    }
  }
  zeroGradients();
  return norm;
}

void LoraParameters::resetOptimizer() {
  step_ = 0;
  for (LoraMatrix& matrix : matrices_) {
    std::fill(matrix.firstMoment.begin(), matrix.firstMoment.end(), 0.0f);
    std::fill(matrix.secondMoment.begin(), matrix.secondMoment.end(), 0.0f);
  }
}

std::string LoraParameters::signature() const {
  std::string text = "alpha " + std::to_string(options_.alpha) + "\n";
  for (const LoraMatrix& matrix : matrices_) {
    text += matrix.name + " " + std::to_string(matrix.rows) + " " + std::to_string(matrix.columns) + "\n";
  }
  return text;
}

std::vector<uint8_t> LoraParameters::exportState() const {
  std::vector<uint8_t> state;
  append(state, kMagic, sizeof kMagic);
  const std::string names = signature();
  const uint64_t length = names.size();
  append(state, &length, 1);
  append(state, names.data(), names.size());
  append(state, &step_, 1);
  for (const LoraMatrix& matrix : matrices_) {
    for (const auto* values : {&matrix.values, &matrix.firstMoment, &matrix.secondMoment}) {
      append(state, values->data(), values->size());
    }
  }
  const uint64_t sum = checksum(state.data(), state.size());
  append(state, &sum, 1);
  return state;
}

void LoraParameters::importState(const std::vector<uint8_t>& state) {
  const std::string names = signature();
  const size_t header = sizeof kMagic + sizeof(uint64_t);
  const size_t whole = header + names.size() + sizeof step_ + count() * 3 * sizeof(float) + sizeof(uint64_t);
  if (state.size() < header || std::memcmp(state.data(), kMagic, sizeof kMagic) != 0) {
    throw Failure(kBadInput, "The state is none of Forksight's trainer.");
  }
  const bool same = state.size() >= header + names.size() &&
                    std::memcmp(state.data() + header, names.data(), names.size()) == 0;
  if (!same) {
    throw Failure(kBadInput, "The optimiser's state is cut off, or belongs to other LoRA matrices: rank, alpha, targets and model must be those it was made with.");
  }
  uint64_t sum = 0;
  if (state.size() == whole) std::memcpy(&sum, state.data() + whole - sizeof sum, sizeof sum);
  if (state.size() != whole || sum != checksum(state.data(), whole - sizeof sum)) {
    throw Failure(kBadInput, "The state is torn: use an earlier checkpoint.");
  }
  const uint8_t* at = state.data() + header + names.size();
  std::memcpy(&step_, at, sizeof step_);
  at += sizeof step_;
  for (LoraMatrix& matrix : matrices_) {
    for (auto* values : {&matrix.values, &matrix.firstMoment, &matrix.secondMoment}) {
      std::memcpy(values->data(), at, values->size() * sizeof(float));
      at += values->size() * sizeof(float);
    }
    upload(matrix);
  }
  zeroGradients();
}

void LoraParameters::upload(const LoraMatrix& matrix) {
  trainingApi().ggml_backend_tensor_set(matrix.tensor, matrix.values.data(), 0, matrix.values.size() * sizeof(float));
}

}  // namespace forksight
