#include "train_kernel.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <set>

#include "failure.h"
#include "row_passes.h"

namespace forksight {
namespace {

/** Lengths are rounded up to this, so that matrix products fill their tiles. */
constexpr int64_t kLengthStep = 8;
/** Logits that exist at once in a forward pass, in floats (128 MB). */
constexpr int64_t kLogitsAtOnce = int64_t{1} << 25;

Backward chooseBackward(const std::string& name, bool onCpu) {
  if (name.empty()) return onCpu ? Backward::tiled : Backward::matmul;
  if (name == "plain") return Backward::plain;
  if (name == "matmul") return Backward::matmul;
  if (name == "tiled") return Backward::tiled;
  throw Failure(kBadInput, "backward must be \"plain\", \"matmul\" or \"tiled\".");
}

ggml_backend* openCpu(size_t threads) {
  const TrainingApi& ggml = trainingApi();
  ggml_backend_dev_t device = ggml.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  ggml_backend* cpu = device ? ggml.ggml_backend_dev_init(device, nullptr) : nullptr;
  if (cpu == nullptr) throw Failure(kNoBackEnd, "llama.cpp's CPU back end could not be started.");
  const auto setThreads = reinterpret_cast<ggml_backend_set_n_threads_t>(ggml.ggml_backend_reg_get_proc_address(
      ggml.ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
  if (setThreads != nullptr) setThreads(cpu, static_cast<int>(threads));
  return cpu;
}

ggml_backend* openDevice(const std::string& name) {
  const TrainingApi& ggml = trainingApi();
  ggml_backend_dev_t device = ggml.ggml_backend_dev_by_name(name.c_str());
  if (device == nullptr) throw Failure(kNoBackEnd, "There is no device " + name + " in llama.cpp's back end.");
  if (ggml.ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU) return nullptr;
  ggml_backend* opened = ggml.ggml_backend_dev_init(device, nullptr);
  if (opened == nullptr) throw Failure(kNoBackEnd, "The device " + name + " could not be started.");
  return opened;
}

}  // namespace

/** What one call knows while its graph runs. */
struct TrainKernel::Run {
  Run(const TokenBatch& given, const Objective* by, bool frozen) : batch(given), objective(by), base(frozen) {}

  const TokenBatch& batch;
  const Objective* objective;
  bool base;
  GraphOptions shape = {};
  TrainGraph graph;
  TargetColumns columns;
  TargetGradients gradients;
  /** Gradients in the graph are multiplied by this power of two, so that half-precision weights lose nothing small. */
  double factor = 1;
  bool differentiated = false;
  std::exception_ptr failure;
  std::vector<float> staging;
};

TrainKernel::TrainKernel(const std::string& path, const KernelOptions& options,
                         const std::function<bool(float)>& progress)
    : pool_(options.threads), scratch_(pool_.threads()) {
  cpu_.reset(openCpu(options.threads));
  if (!options.device.empty()) gpu_.reset(openDevice(options.device));
  backward_ = chooseBackward(options.backward, !gpu_);
  ggml_backend* main = gpu_ ? gpu_.get() : cpu_.get();
  model_ = std::make_unique<FrozenModel>(path, main, cpu_.get(), backward_ == Backward::matmul, progress);
  lora_ = std::make_unique<LoraParameters>(*model_, options.lora, main);
}

std::string TrainKernel::deviceName() const {
  if (!gpu_) return "CPU";
  return trainingApi().ggml_backend_dev_name(trainingApi().ggml_backend_get_device(gpu_.get()));
}

TargetColumns TrainKernel::forward(const TokenBatch& batch, bool base) {
  check(batch);
  Run run(batch, nullptr, base);
  execute(run);
  return std::move(run.columns);
}

TargetColumns TrainKernel::accumulate(const TokenBatch& batch, const Objective& objective) {
  check(batch);
  Run run(batch, &objective, false);
  execute(run);
  if (run.differentiated) addGradients(run);
  return std::move(run.columns);
}

void TrainKernel::check(const TokenBatch& batch) const {
  const auto refuse = [](const std::string& why) { throw Failure(kBadInput, "The batch does not fit: " + why + "."); };
  const auto& [ids, offsets, targets, temperature] = batch;
  if (!(temperature > 0) || !std::isfinite(temperature)) refuse("its temperature must be above 0");
  const auto tokens = static_cast<int32_t>(ids.size());
  if (ids.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) refuse("it has too many tokens");
  if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != tokens) {
    refuse("offsets must start at 0 and end at the number of ids, " + std::to_string(tokens));
  }
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    if (offsets[s + 1] <= offsets[s]) refuse("sequence " + std::to_string(s) + " is empty");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= model_->architecture().vocabulary) {
      refuse("id " + std::to_string(ids[i]) + " at " + std::to_string(i) + " is outside the vocabulary");
    }
  }
  if (targets.empty()) refuse("it has no target");
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0 || targets[i] >= tokens || (i > 0 && targets[i] <= targets[i - 1])) {
      refuse("targets must be rising indices into ids");
    }
    if (std::binary_search(offsets.begin(), offsets.end(), targets[i])) {
      refuse("target " + std::to_string(targets[i]) + " is the first of its sequence and has no predecessor");
    }
  }
}

void TrainKernel::execute(Run& run) {
  const TrainingApi& ggml = trainingApi();
  const auto& offsets = run.batch.offsets;
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) longest = std::max<int64_t>(longest, offsets[s + 1] - offsets[s]);
  GraphOptions& shape = run.shape;
  shape.length = (longest + kLengthStep - 1) / kLengthStep * kLengthStep;
  shape.sequences = static_cast<int64_t>(offsets.size()) - 1;
  shape.rows = static_cast<int64_t>(run.batch.targets.size());
  shape.base = run.base;
  shape.train = run.objective != nullptr;
  shape.backward = backward_;
  const int64_t fits = std::max<int64_t>(16, kLogitsAtOnce / model_->architecture().vocabulary);
  shape.rowsAtOnce = shape.train ? shape.rows : std::min(shape.rows, fits);
  run.columns.logprob.resize(run.batch.targets.size());
  run.columns.entropy.resize(run.batch.targets.size());
  run.graph = buildGraph(*model_, *lora_, shape);

  const auto nodes = static_cast<size_t>(ggml.ggml_graph_n_nodes(run.graph.graph));
  if (!scheduler_ || nodes * 2 > schedulerNodes_) {
    schedulerNodes_ = std::max(graphCapacity(*model_), nodes * 2);
    scheduler_.reset();
    ggml_backend* backEnds[] = {gpu_ ? gpu_.get() : cpu_.get(), cpu_.get()};
    scheduler_.reset(ggml.ggml_backend_sched_new(backEnds, nullptr, gpu_ ? 2 : 1, schedulerNodes_, false, true));
  }
  const LogCapture log;
  ggml.ggml_backend_sched_reset(scheduler_.get());
  if (!ggml.ggml_backend_sched_alloc_graph(scheduler_.get(), run.graph.graph)) {
    throw Failure(kOutOfMemory, "A batch of " + std::to_string(shape.sequences) + " sequences of up to " +
                                    std::to_string(longest) + " tokens does not fit in memory. Use fewer tokens in a "
                                    "micro-batch or fewer threads. " + log.errors(""));
  }
  if (gpu_) noteFallbacks(run.graph.graph);
  setInputs(run);
  struct Call {
    TrainKernel* kernel;
    Run* run;
  } call = {this, &run};
  ggml.ggml_backend_sched_set_eval_callback(
      scheduler_.get(),
      [](ggml_tensor* tensor, bool ask, void* data) {
        const auto* at = static_cast<Call*>(data);
        const auto& logits = at->run->graph.logits;
        const bool wanted = std::find(logits.begin(), logits.end(), tensor) != logits.end();
        if (ask) return wanted;
        return !wanted || at->kernel->onLogits(tensor, *at->run);
      },
      &call);
  const ggml_status status = ggml.ggml_backend_sched_graph_compute(scheduler_.get(), run.graph.graph);
  if (run.failure) std::rethrow_exception(run.failure);
  if (status != GGML_STATUS_SUCCESS) {
    throw Failure(kDecodeFailed, log.errors("llama.cpp could not compute the training graph") + ".");
  }
}

void TrainKernel::setInputs(const Run& run) const {
  const TrainingApi& ggml = trainingApi();
  const auto& [ids, offsets, targets, temperature] = run.batch;
  const auto length = static_cast<size_t>(run.shape.length);
  const auto sequences = static_cast<size_t>(run.shape.sequences);
  // Id 0 fills up: no wanted row sees what stands behind it.
  std::vector<int32_t> padded(length * sequences, 0), positions(length), rows;
  size_t target = 0;
  for (size_t s = 0; s < sequences; ++s) {
    std::copy(ids.begin() + offsets[s], ids.begin() + offsets[s + 1],
              padded.begin() + static_cast<std::ptrdiff_t>(s * length));
    for (; target < targets.size() && targets[target] < offsets[s + 1]; ++target) {
      rows.push_back(static_cast<int32_t>(s * length) + targets[target] - offsets[s] - 1);
    }
  }
  std::vector<float> mask(length * length);
  for (size_t i = 0; i < length; ++i) {
    positions[i] = static_cast<int32_t>(i);
    for (size_t j = 0; j < length; ++j) mask[i * length + j] = j <= i ? 0.0f : -INFINITY;
  }
  const auto set = [&](ggml_tensor* tensor, const auto& values) {
    ggml.ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(values[0]));
  };
  set(run.graph.ids, padded);
  set(run.graph.positions, positions);
  set(run.graph.mask, mask);
  set(run.graph.rows, rows);
}

bool TrainKernel::onLogits(ggml_tensor* tensor, Run& run) {
  const TrainingApi& ggml = trainingApi();
  try {
    const bool onHost = ggml.ggml_backend_buffer_is_host(tensor->buffer);
    const auto bytes = ggml.ggml_nbytes(tensor);
    if (!onHost) {
      run.staging.resize(bytes / sizeof(float));
      ggml.ggml_backend_tensor_get(tensor, run.staging.data(), 0, bytes);
    }
    float* rows = onHost ? static_cast<float*>(tensor->data) : run.staging.data();
    reduce(tensor, rows, run);
    if (run.objective == nullptr) return true;
    run.gradients = (*run.objective)(run.columns);
    if (!backpropagates(run)) return false;
    const auto vocabulary = static_cast<size_t>(tensor->ne[0]);
    pool_.run(static_cast<size_t>(tensor->ne[1]), [&](size_t row, size_t) {
      const RowGradient known = {run.batch.ids[static_cast<size_t>(run.batch.targets[row])],
                                 run.batch.temperature,
                                 run.columns.logprob[row],
                                 run.columns.entropy[row],
                                 run.gradients.byLogprob[row],
                                 run.gradients.byEntropy[row]};
      logitsToGradient(rows + row * vocabulary, vocabulary, known, run.factor);
    });
    if (!onHost) ggml.ggml_backend_tensor_set(tensor, rows, 0, bytes);
    run.differentiated = true;
    return true;
  } catch (...) {
    // Nothing may be thrown through ggml's C code.
    run.failure = std::current_exception();
    return false;
  }
}

void TrainKernel::reduce(ggml_tensor* logits, float* rows, Run& run) {
  const auto vocabulary = static_cast<size_t>(logits->ne[0]);
  const auto& all = run.graph.logits;
  const auto chunk = static_cast<int64_t>(std::find(all.begin(), all.end(), logits) - all.begin());
  const auto first = static_cast<size_t>(chunk * run.shape.rowsAtOnce);
  std::atomic<size_t> broken{std::numeric_limits<size_t>::max()};
  pool_.run(static_cast<size_t>(logits->ne[1]), [&](size_t row, size_t thread) {
    const size_t at = first + row;
    uint32_t rank = 0;
    const RowOut out = {&run.columns.entropy[at], &run.columns.logprob[at], &rank, nullptr, nullptr};
    const int32_t token = run.batch.ids[static_cast<size_t>(run.batch.targets[at])];
    if (!reduceRow(rows + row * vocabulary, vocabulary, token, run.batch.temperature, 0, scratch_[thread], out)) {
      broken = at;
    }
  });
  if (broken != std::numeric_limits<size_t>::max()) {
    throw Failure(kDecodeFailed, "The model's distribution at target " + std::to_string(broken.load()) +
                                     " is not finite: the adapter has diverged. Use an earlier checkpoint and a lower learning rate.");
  }
}

bool TrainKernel::backpropagates(Run& run) const {
  const size_t n = run.batch.targets.size();
  if (run.gradients.byLogprob.size() != n || run.gradients.byEntropy.size() != n) {
    throw Failure(kBadInput, "The objective must give one derivative by log-probability and one by entropy for each of the " +
                                 std::to_string(n) + " targets.");
  }
  double largest = 0;
  for (const auto* values : {&run.gradients.byLogprob, &run.gradients.byEntropy}) {
    for (const double value : *values) {
      if (!std::isfinite(value)) throw Failure(kBadInput, "The objective gave a derivative that is not finite.");
      largest = std::max(largest, std::fabs(value));
    }
  }
  // Nothing to learn from: the backward half need not run.
  if (largest == 0) return false;
  run.factor = std::ldexp(1.0, -std::ilogb(largest));
  return true;
}

void TrainKernel::addGradients(const Run& run) {
  const TrainingApi& ggml = trainingApi();
  const auto back = static_cast<float>(1.0 / run.factor);
  std::vector<float> values;
  for (const GradientNode& gradient : run.graph.gradients) {
    LoraMatrix& matrix = *gradient.matrix;
    values.resize(matrix.gradient.size());
    ggml.ggml_backend_tensor_get(gradient.node, values.data(), 0, values.size() * sizeof(float));
    for (size_t row = 0; row < matrix.rows; ++row) {
      for (size_t column = 0; column < matrix.columns; ++column) {
        const size_t at = row * matrix.columns + column;
        matrix.gradient[at] += back * values[gradient.transposed ? column * matrix.rows + row : at];
      }
    }
  }
}

void TrainKernel::noteFallbacks(ggml_cgraph* graph) {
  const TrainingApi& ggml = trainingApi();
  std::set<std::string> names;
  for (int i = 0; i < ggml.ggml_graph_n_nodes(graph); ++i) {
    ggml_tensor* node = ggml.ggml_graph_node(graph, i);
    if (node->view_src != nullptr) continue;
    if (ggml.ggml_backend_sched_get_tensor_backend(scheduler_.get(), node) == cpu_.get()) {
      names.insert(ggml.ggml_op_desc(node));
    }
  }
  fallback_.assign(names.begin(), names.end());
}

}  // namespace forksight
