#include "rollout_engine.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "failure.h"

namespace forksight {
namespace {

/** Sequences of a lane below which its matrix products become slow: a weight is read once for all of them. */
constexpr size_t kSmallestLane = 8;

}  // namespace

RolloutEngine::RolloutEngine(std::shared_ptr<LoadedModel> model, const RolloutOptions& options)
    : model_(std::move(model)), options_(options) {
  if (!model_->scores()) {
    throw Failure(kUnsupportedModel, "The model " + model_->path() + " is no causal language model: it cannot make rollouts.");
  }
  if (options.parallel > 4096) throw Failure(kBadInput, "parallel must be at most 4096 sequences.");
  const size_t most = model_->gpuLayers() != 0 ? 1 : options.threads;
  // llama.cpp takes at most 256 sequences in a context.
  const size_t least = (options.parallel + 255) / 256;
  const size_t lanes = std::max(least, std::clamp<size_t>(options.parallel / kSmallestLane, 1, most));
  for (size_t lane = 0; lane < lanes; ++lane) {
    LaneOptions own = options;
    own.parallel = options.parallel * (lane + 1) / lanes - options.parallel * lane / lanes;
    own.threads = std::max<size_t>(1, options.threads / lanes);
    lanes_.push_back(std::make_unique<RolloutLane>(model_, own));
  }
}

RolloutEngine::~RolloutEngine() {
  lanes_.clear();
  if (adapter_ != nullptr) api().llama_adapter_lora_free(adapter_);
}

void RolloutEngine::setAdapter(const std::string& path, float scale) {
  llama_adapter_lora* next = nullptr;
  if (!path.empty()) {
    const LogCapture log;
    try {
      next = api().llama_adapter_lora_init(model_->get(), path.c_str());
    } catch (const std::exception& error) {
      throw Failure(kBadModel, "The LoRA adapter " + path + " does not load: " + error.what());
    }
    if (next == nullptr) {
      throw Failure(kBadModel, "The LoRA adapter " + path + " does not fit the model " + model_->path() + ": " +
                                   log.errors("llama.cpp gave no reason") + ".");
    }
  }
  try {
    for (const auto& lane : lanes_) lane->setAdapter(next, scale);
  } catch (const Failure&) {
    for (const auto& lane : lanes_) lane->setAdapter(adapter_, scale_);
    if (next != nullptr) api().llama_adapter_lora_free(next);
    throw;
  }
  if (adapter_ != nullptr) api().llama_adapter_lora_free(adapter_);
  adapter_ = next;
  scale_ = scale;
}

void RolloutEngine::check(const RolloutRequest& request) const {
  const SamplerOptions& s = request.sampler;
  if (!(s.temperature >= 1e-3 && s.temperature <= 1e3)) {
    throw Failure(kBadInput, "The temperature must be between 0.001 and 1000.");
  }
  if (!(s.topP > 0 && s.topP <= 1)) throw Failure(kBadInput, "topP must lie above 0 and at most 1.");
  if (!(s.minP >= 0 && s.minP < 1)) throw Failure(kBadInput, "minP must lie from 0 to below 1.");
  if (request.groupSize < 1 || request.maxTokens < 1) {
    throw Failure(kBadInput, "groupSize and maxTokens must be at least 1.");
  }
  for (size_t p = 0; p < request.prompts.size(); ++p) {
    const auto& prompt = request.prompts[p];
    if (prompt.empty() || prompt.size() >= options_.contextSize) {
      throw Failure(kBadInput, "Prompt " + std::to_string(p) + " has " + std::to_string(prompt.size()) +
                                   " tokens; it needs at least one, and fewer than the context of " +
                                   std::to_string(options_.contextSize) + ".");
    }
    for (const int32_t id : prompt) {
      if (id < 0 || id >= model_->vocabulary()) {
        throw Failure(kBadInput, "Prompt " + std::to_string(p) + " has the id " + std::to_string(id) + ", which is outside the vocabulary.");
      }
    }
  }
}

/** A group stays together, so that its prompt is decoded once, unless that would leave lanes idle. */
std::vector<std::vector<size_t>> RolloutEngine::queues(const RolloutRequest& request) const {
  const size_t lanes = lanes_.size(), prompts = request.prompts.size();
  const size_t parts = std::min(request.groupSize, std::max<size_t>(1, (2 * lanes + prompts - 1) / prompts));
  std::vector<std::vector<size_t>> queues(lanes);
  size_t piece = 0;
  for (size_t p = 0; p < prompts; ++p) {
    for (size_t part = 0; part < parts; ++part, ++piece) {
      const size_t from = request.groupSize * part / parts, to = request.groupSize * (part + 1) / parts;
      for (size_t g = from; g < to; ++g) queues[piece % lanes].push_back(p * request.groupSize + g);
    }
  }
  return queues;
}

std::vector<Rollout> RolloutEngine::generate(const RolloutRequest& request, const Progress& progress,
                                             const std::atomic<bool>& cancelled) {
  check(request);
  const size_t total = request.prompts.size() * request.groupSize;
  std::vector<Rollout> rollouts(total);
  if (total == 0) return rollouts;
  const std::vector<std::vector<size_t>> queued = queues(request);
  RolloutStop stop = {cancelled};
  std::mutex mutex;
  size_t done = 0, tokens = 0;
  std::exception_ptr failure;
  const auto run = [&](size_t lane) {
    try {
      lanes_[lane]->generate(
          request, queued[lane], rollouts,
          [&](size_t ended, size_t sampled) {
            const std::lock_guard<std::mutex> lock(mutex);
            done += ended;
            tokens += sampled;
            progress(done, total, tokens);
          },
          stop);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure) failure = std::current_exception();
      stop.failed = true;
    }
  };
  std::vector<std::thread> threads;
  for (size_t lane = 1; lane < lanes_.size(); ++lane) threads.emplace_back(run, lane);
  run(0);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return rollouts;
}

}  // namespace forksight
