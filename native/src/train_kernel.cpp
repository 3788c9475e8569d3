#include "train_kernel.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

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

ggml_backend* openCpu() {
  const TrainingApi& ggml = trainingApi();
  ggml_backend_dev_t device = ggml.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  ggml_backend* cpu = device ? ggml.ggml_backend_dev_init(device, nullptr) : nullptr;
  if (cpu == nullptr) throw Failure(kNoBackEnd, "llama.cpp's CPU back end could not be started.");
  return cpu;
}

void setThreads(ggml_backend* cpu, size_t threads) {
  const TrainingApi& ggml = trainingApi();
  ggml_backend_dev_t device = ggml.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  const auto set = reinterpret_cast<ggml_backend_set_n_threads_t>(ggml.ggml_backend_reg_get_proc_address(
      ggml.ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
  if (set != nullptr) set(cpu, static_cast<int>(threads));
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

/** Computes one shard at a time. */
struct TrainKernel::Worker {
  std::unique_ptr<ggml_backend, GgmlFree> cpu;
  std::unique_ptr<ggml_backend_sched, GgmlFree> scheduler;
  size_t nodes = 0;
};

/** Some of a batch's sequences and their graph. */
struct TrainKernel::Shard : BatchPart {
  Shard(size_t number, BatchPart part) : BatchPart(std::move(part)), index(number) {}

  size_t index;
  GraphOptions shape = {};
  TrainGraph graph;
  std::vector<float> staging;
};

/** What the shards of one call share. */
struct TrainKernel::Call {
  Call(const Objective* by, bool frozen) : objective(by), base(frozen) {}

  const Objective* objective;
  bool base;
  size_t shards = 0;
  TargetColumns columns;
  TargetGradients gradients;
  /** Gradients in the graph are multiplied by this power of two, so that half-precision weights lose nothing small. */
  double factor = 1;
  bool differentiates = false;

  std::mutex mutex;
  std::condition_variable met;
  size_t arrived = 0;
  bool answered = false;
  /** The first that went wrong; the others then stop. */
  std::exception_ptr failure;

  void fail(std::exception_ptr why) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!failure) failure = why;
    met.notify_all();
  }
};

TrainKernel::TrainKernel(const std::string& path, const KernelOptions& options,
                         const std::function<bool(float)>& progress)
    : threads_(options.threads), pool_(options.threads), scratch_(pool_.threads()) {
  cpu_.reset(openCpu());
  if (!options.device.empty()) gpu_.reset(openDevice(options.device));
  backward_ = chooseBackward(options.backward, !gpu_);
  ggml_backend* main = gpu_ ? gpu_.get() : cpu_.get();
  model_ = std::make_unique<FrozenModel>(path, main, cpu_.get(), backward_ == Backward::matmul, progress);
  lora_ = std::make_unique<LoraParameters>(*model_, options.lora, main);
}

TrainKernel::~TrainKernel() = default;

std::string TrainKernel::deviceName() const {
  if (!gpu_) return "CPU";
  return trainingApi().ggml_backend_dev_name(trainingApi().ggml_backend_get_device(gpu_.get()));
}

TargetColumns TrainKernel::forward(const TokenBatch& batch, bool base) {
  checkBatch(batch, model_->architecture().vocabulary);
  return execute(batch, nullptr, base);
}

TargetColumns TrainKernel::accumulate(const TokenBatch& batch, const Objective& objective) {
  checkBatch(batch, model_->architecture().vocabulary);
  return execute(batch, &objective, false);
}

TargetColumns TrainKernel::execute(const TokenBatch& batch, const Objective* objective, bool base) {
  Call call(objective, base);
  call.columns.logprob.resize(batch.targets.size());
  call.columns.entropy.resize(batch.targets.size());
  std::vector<Shard> shards;
  for (BatchPart& part : splitBatch(batch, gpu_ ? 1 : threads_)) shards.emplace_back(shards.size(), std::move(part));
  call.shards = shards.size();
  while (workers_.size() < shards.size()) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->cpu.reset(openCpu());
  }
  for (Shard& shard : shards) prepare(shard, *workers_[shard.index], call);
  const LogCapture log;
  std::vector<std::thread> threads;
  for (size_t i = 1; i < shards.size(); ++i) {
    threads.emplace_back([&, i] { compute(shards[i], *workers_[i], call); });
  }
  compute(shards[0], *workers_[0], call);
  for (std::thread& thread : threads) thread.join();
  if (call.failure) std::rethrow_exception(call.failure);
  if (call.differentiates) {
    for (const Shard& shard : shards) addGradients(shard, call.factor);
  }
  return std::move(call.columns);
}

void TrainKernel::prepare(Shard& shard, Worker& worker, const Call& call) {
  const TrainingApi& ggml = trainingApi();
  const auto& offsets = shard.batch.offsets;
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) longest = std::max<int64_t>(longest, offsets[s + 1] - offsets[s]);
  GraphOptions& shape = shard.shape;
  shape.length = (longest + kLengthStep - 1) / kLengthStep * kLengthStep;
  shape.sequences = static_cast<int64_t>(offsets.size()) - 1;
  shape.rows = static_cast<int64_t>(shard.batch.targets.size());
  shape.base = call.base;
  shape.train = call.objective != nullptr;
  shape.backward = backward_;
  const auto shards = static_cast<int64_t>(call.shards);
  const int64_t fits = std::max<int64_t>(16, kLogitsAtOnce / shards / model_->architecture().vocabulary);
  shape.rowsAtOnce = shape.train ? shape.rows : std::min(shape.rows, fits);
  shard.graph = buildGraph(*model_, *lora_, shape);

  const auto nodes = static_cast<size_t>(ggml.ggml_graph_n_nodes(shard.graph.graph));
  if (!worker.scheduler || nodes * 2 > worker.nodes) {
    worker.nodes = std::max(graphCapacity(*model_), nodes * 2);
    worker.scheduler.reset();
    ggml_backend* backEnds[] = {gpu_ ? gpu_.get() : worker.cpu.get(), worker.cpu.get()};
    worker.scheduler.reset(ggml.ggml_backend_sched_new(backEnds, nullptr, gpu_ ? 2 : 1, worker.nodes, false, true));
  }
  setThreads(worker.cpu.get(), std::max<size_t>(1, threads_ / call.shards));
  const LogCapture log;
  ggml.ggml_backend_sched_reset(worker.scheduler.get());
  if (!ggml.ggml_backend_sched_alloc_graph(worker.scheduler.get(), shard.graph.graph)) {
    throw Failure(kOutOfMemory, "A batch of " + std::to_string(shape.sequences) + " sequences of up to " +
                                    std::to_string(longest) + " tokens does not fit in memory. Use fewer tokens in a "
                                    "micro-batch. " + log.errors(""));
  }
  if (gpu_) noteFallbacks(worker, shard.graph.graph);
  setInputs(shard);
}

void TrainKernel::compute(Shard& shard, Worker& worker, Call& call) {
  const TrainingApi& ggml = trainingApi();
  struct Context {
    TrainKernel* kernel;
    Shard* shard;
    Call* call;
  } context = {this, &shard, &call};
  ggml.ggml_backend_sched_set_eval_callback(
      worker.scheduler.get(),
      [](ggml_tensor* tensor, bool ask, void* data) {
        const auto* at = static_cast<Context*>(data);
        const auto& logits = at->shard->graph.logits;
        const bool wanted = std::find(logits.begin(), logits.end(), tensor) != logits.end();
        if (ask) return wanted;
        return !wanted || at->kernel->onLogits(tensor, *at->shard, *at->call);
      },
      &context);
  const ggml_status status = ggml.ggml_backend_sched_graph_compute(worker.scheduler.get(), shard.graph.graph);
  if (status != GGML_STATUS_SUCCESS) {
    call.fail(std::make_exception_ptr(Failure(kDecodeFailed, "llama.cpp could not compute the training graph.")));
  }
}

void TrainKernel::setInputs(const Shard& shard) const {
  const TrainingApi& ggml = trainingApi();
  const auto& [ids, offsets, targets, temperature] = shard.batch;
  const auto length = static_cast<size_t>(shard.shape.length);
  const auto sequences = static_cast<size_t>(shard.shape.sequences);
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
  set(shard.graph.ids, padded);
  set(shard.graph.positions, positions);
  set(shard.graph.mask, mask);
  set(shard.graph.rows, rows);
}

bool TrainKernel::onLogits(ggml_tensor* tensor, Shard& shard, Call& call) {
  const TrainingApi& ggml = trainingApi();
  try {
    const bool onHost = ggml.ggml_backend_buffer_is_host(tensor->buffer);
    const auto bytes = ggml.ggml_nbytes(tensor);
    if (!onHost) {
      shard.staging.resize(bytes / sizeof(float));
      ggml.ggml_backend_tensor_get(tensor, shard.staging.data(), 0, bytes);
    }
    float* rows = onHost ? static_cast<float*>(tensor->data) : shard.staging.data();
    reduce(tensor, rows, shard, call);
    if (call.objective == nullptr) return true;
    if (!meet(call)) return false;
    const auto vocabulary = static_cast<size_t>(tensor->ne[0]);
    eachRow(call, shard, static_cast<size_t>(tensor->ne[1]), [&](size_t row, size_t) {
      const size_t at = shard.firstTarget + row;
      const RowGradient known = {shard.batch.ids[static_cast<size_t>(shard.batch.targets[row])],
                                 shard.batch.temperature,
                                 call.columns.logprob[at],
                                 call.columns.entropy[at],
                                 call.gradients.byLogprob[at],
                                 call.gradients.byEntropy[at]};
      logitsToGradient(rows + row * vocabulary, vocabulary, known, call.factor);
    });
    if (!onHost) ggml.ggml_backend_tensor_set(tensor, rows, 0, bytes);
    return true;
  } catch (...) {
    // Nothing may be thrown through ggml's C code.
    call.fail(std::current_exception());
    return false;
  }
}

void TrainKernel::eachRow(const Call& call, const Shard& shard, size_t rows,
                          const std::function<void(size_t, size_t)>& work) {
  if (call.shards == 1) {
    pool_.run(rows, work);
  } else {
    for (size_t row = 0; row < rows; ++row) work(row, shard.index);
  }
}

void TrainKernel::reduce(ggml_tensor* logits, float* rows, Shard& shard, Call& call) {
  const auto vocabulary = static_cast<size_t>(logits->ne[0]);
  const auto& all = shard.graph.logits;
  const auto chunk = static_cast<int64_t>(std::find(all.begin(), all.end(), logits) - all.begin());
  const auto first = static_cast<size_t>(chunk * shard.shape.rowsAtOnce);
  std::atomic<size_t> broken{std::numeric_limits<size_t>::max()};
  eachRow(call, shard, static_cast<size_t>(logits->ne[1]), [&](size_t row, size_t thread) {
    const size_t at = shard.firstTarget + first + row;
    uint32_t rank = 0;
    const RowOut out = {&call.columns.entropy[at], &call.columns.logprob[at], &rank, nullptr, nullptr};
    const int32_t token = shard.batch.ids[static_cast<size_t>(shard.batch.targets[first + row])];
    if (!reduceRow(rows + row * vocabulary, vocabulary, token, shard.batch.temperature, 0, scratch_[thread], out)) {
      broken = at;
    }
  });
  if (broken != std::numeric_limits<size_t>::max()) {
    throw Failure(kDecodeFailed, "The model's distribution at target " + std::to_string(broken.load()) +
                                     " is not finite: the adapter has diverged. Use an earlier checkpoint and a lower learning rate.");
  }
}

bool TrainKernel::meet(Call& call) const {
  std::unique_lock<std::mutex> lock(call.mutex);
  if (++call.arrived == call.shards && !call.failure) {
    // All others wait below: nobody else touches the call.
    lock.unlock();
    askObjective(call);
    lock.lock();
    call.answered = true;
    call.met.notify_all();
  }
  call.met.wait(lock, [&] { return call.answered || call.failure; });
  return call.differentiates && !call.failure;
}

void TrainKernel::askObjective(Call& call) const {
  call.gradients = (*call.objective)(call.columns);
  const size_t n = call.columns.logprob.size();
  if (call.gradients.byLogprob.size() != n || call.gradients.byEntropy.size() != n) {
    throw Failure(kBadInput, "The objective must give one derivative by log-probability and one by entropy for each of the " +
                                 std::to_string(n) + " targets.");
  }
  double largest = 0;
  for (const auto* values : {&call.gradients.byLogprob, &call.gradients.byEntropy}) {
    for (const double value : *values) {
      if (!std::isfinite(value)) throw Failure(kBadInput, "The objective gave a derivative that is not finite.");
      largest = std::max(largest, std::fabs(value));
    }
  }
  // Nothing to learn from: the backward half need not run.
  if (largest == 0) return;
  call.factor = std::ldexp(1.0, -std::ilogb(largest));
  call.differentiates = true;
}

void TrainKernel::addGradients(const Shard& shard, double factor) {
  const TrainingApi& ggml = trainingApi();
  const auto back = static_cast<float>(1.0 / factor);
  std::vector<float> values;
  for (const GradientNode& gradient : shard.graph.gradients) {
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

void TrainKernel::noteFallbacks(const Worker& worker, ggml_cgraph* graph) {
  const TrainingApi& ggml = trainingApi();
  std::set<std::string> names;
  for (int i = 0; i < ggml.ggml_graph_n_nodes(graph); ++i) {
    ggml_tensor* node = ggml.ggml_graph_node(graph, i);
    if (node->view_src != nullptr) continue;
    if (ggml.ggml_backend_sched_get_tensor_backend(worker.scheduler.get(), node) == worker.cpu.get()) {
      names.insert(ggml.ggml_op_desc(node));
    }
  }
  fallback_.assign(names.begin(), names.end());
}

}  // namespace forksight
