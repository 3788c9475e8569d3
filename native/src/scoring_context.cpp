#include "scoring_context.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "failure.h"
#include "physical_cores.h"

namespace forksight {
namespace {

/** Logits of one micro-batch: enough tokens for good matrix products, and no more memory than a modest machine has. */
constexpr size_t kLogitBytesOnHost = 80u << 20;
constexpr size_t kLogitBytesOnDevice = 160u << 20;
/** Rows are kept for the next call only up to this many alternatives in all. */
constexpr size_t kMostAlternativesKept = 16u << 20;

size_t chooseMicroBatch(size_t vocabulary, bool device) {
  const size_t tokens = (device ? kLogitBytesOnDevice : kLogitBytesOnHost) / (vocabulary * sizeof(float));
  return std::min<size_t>(512, std::max<size_t>(32, tokens / 32 * 32));
}

size_t commonPrefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  const size_t n = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

bool isCancelled(void* data) { return data != nullptr && static_cast<const std::atomic<bool>*>(data)->load(); }

std::string decodeError(int32_t status) {
  switch (status) {
    case 1:
      return "the KV cache has no room left";
    case -1:
      return "llama.cpp refused the batch";
    case -2:
      return "memory for a micro-batch could not be had; lower forksight.contextSize";
    case -3:
      return "the computation failed on the back end";
    default:
      return "llama_decode returned " + std::to_string(status);
  }
}

}  // namespace

ScoringContext::ScoringContext(std::shared_ptr<LoadedModel> model, const ContextOptions& options)
    : model_(std::move(model)),
      options_(options),
      pool_(options.threads > 0 ? static_cast<size_t>(options.threads) : physicalCores()),
      scratch_(pool_.threads()) {
  if (!model_->scores()) {
    throw Failure(kUnsupportedModel, "The model " + model_->path() +
                                         " is no causal language model (an encoder, an embedding or a diffusion model): "
                                         "it has no next-token distribution to score with. Choose another model.");
  }
  const bool gpu = model_->gpuLayers() != 0;
  onDevice_ = options_.reduce == Reduce::device || (options_.reduce == Reduce::automatic && gpu);
  if (options_.microBatch == 0) {
    options_.microBatch = chooseMicroBatch(static_cast<size_t>(model_->vocabulary()), onDevice_ && gpu);
  }
  options_.microBatch = std::min(options_.microBatch, options_.contextSize);
  try {
    createContext();
    applyAdapter();
    if (onDevice_) chooseReduction(1.0, 10);
  } catch (...) {
    freeContext();
    throw;
  }
}

ScoringContext::~ScoringContext() { freeContext(); }

void ScoringContext::createContext() {
  const LogCapture capture;
  llama_context_params params = api().llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(options_.contextSize);
  params.n_batch = params.n_ubatch = static_cast<uint32_t>(options_.microBatch);
  params.n_outputs_max = params.n_outputs_max_per_seq = params.n_batch;
  params.n_seq_max = 1;
  params.n_threads = params.n_threads_batch = static_cast<int32_t>(pool_.threads());
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  params.flash_attn_type = options_.exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.type_k = params.type_v = options_.exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
  // A sliding window's cache of full size can be cut back to a common prefix.
  params.swa_full = true;
  params.no_perf = true;
  try {
    context_ = api().llama_init_from_model(model_->get(), params);
  } catch (const std::exception& error) {
    throw Failure(kOutOfMemory, std::string("The context could not be made: ") + error.what());
  }
  if (context_ == nullptr) {
    throw Failure(kOutOfMemory, "A context of " + std::to_string(options_.contextSize) + " tokens for " +
                                    model_->path() + " could not be made (" +
                                    capture.errors("llama.cpp gave no reason; memory may be too small") +
                                    "). Lower forksight.contextSize, or choose a smaller model.");
  }
}

void ScoringContext::freeContext() {
  if (context_ != nullptr) api().llama_free(context_);
  context_ = nullptr;
  reducer_.reset();
  if (adapter_ != nullptr) api().llama_adapter_lora_free(adapter_);
  adapter_ = nullptr;
}

void ScoringContext::applyAdapter() {
  if (options_.adapterPath.empty()) return;
  const LogCapture capture;
  try {
    adapter_ = api().llama_adapter_lora_init(model_->get(), options_.adapterPath.c_str());
  } catch (const std::exception& error) {
    throw Failure(kBadModel, "The LoRA adapter " + options_.adapterPath + " does not load: " + error.what());
  }
  float scale = 1.0f;
  if (adapter_ == nullptr || api().llama_set_adapters_lora(context_, &adapter_, 1, &scale) != 0) {
    throw Failure(kBadModel, "The LoRA adapter " + options_.adapterPath + " does not fit the model " + model_->path() +
                                 ": " + capture.errors("llama.cpp gave no reason"));
  }
}

bool ScoringContext::chooseReduction(double temperature, size_t topK) {
  const bool wanted = onDevice_ && DeviceReducer::fits(model_->vocabulary(), topK);
  if (!wanted) {
    if (reducer_) {
      api().llama_set_sampler(context_, 0, nullptr);
      reducer_.reset();
    }
    return false;
  }
  if (reducer_ && reducer_->temperature() == temperature && reducer_->topK() == topK) return true;
  auto next = std::make_unique<DeviceReducer>(model_->vocabulary(), temperature, topK);
  const LogCapture capture;
  const bool taken = api().llama_set_sampler(context_, 0, next->chain());
  if (!taken || !next->unsupported().empty()) {
    note_ = !next->unsupported().empty() ? next->unsupported() : capture.errors("llama.cpp refused the backend sampler");
    if (taken) api().llama_set_sampler(context_, 0, nullptr);
    reducer_.reset();
    onDevice_ = false;
    return false;
  }
  reducer_ = std::move(next);
  return true;
}

void ScoringContext::check(const ScoreRequest& request) const {
  if (!(request.temperature >= 1e-3 && request.temperature <= 1e3)) {
    throw Failure(kBadInput, "The temperature must be between 0.001 and 1000.");
  }
  if (request.topK > static_cast<size_t>(model_->vocabulary())) {
    throw Failure(kBadInput, "topK is " + std::to_string(request.topK) + ", more than the vocabulary of " +
                                 std::to_string(model_->vocabulary()) + " tokens.");
  }
  if (request.from > request.ids.size()) {
    throw Failure(kBadInput, "from is " + std::to_string(request.from) + ", behind the end of " +
                                 std::to_string(request.ids.size()) + " tokens.");
  }
  for (size_t i = 0; i < request.ids.size(); ++i) {
    if (request.ids[i] < 0 || request.ids[i] >= model_->vocabulary()) {
      throw Failure(kBadInput, "The token id " + std::to_string(request.ids[i]) + " at index " + std::to_string(i) +
                                   " is outside the vocabulary of " + std::to_string(model_->vocabulary()) +
                                   " tokens.");
    }
  }
}

/** Copies the rows that the previous call already knows, and returns the first that it does not. */
size_t ScoringContext::firstRowToDecode(const ScoreRequest& request, ScoreRows& rows) const {
  // The first token of a sequence has no predecessor, and keeps the row that says so.
  const size_t first = std::max<size_t>(request.from, 1);
  if (lastTemperature_ != request.temperature || lastRows_.topK() != request.topK || first < lastRows_.first()) {
    return first;
  }
  // A row speaks of the token that stands there, so the first changed token's own row is known no longer.
  const size_t known = std::min({commonPrefix(lastIds_, request.ids), lastRows_.end(), request.ids.size()});
  if (known <= first) return first;
  rows.copyFrom(lastRows_, first, known);
  return known;
}

ScoreResult ScoringContext::score(const ScoreRequest& request, const Progress& progress,
                                  const std::atomic<bool>& cancelled) {
  check(request);
  const size_t n = request.ids.size();
  ScoreResult result = {ScoreRows(request.from, n - request.from, request.topK), 0};
  size_t known = std::min(firstRowToDecode(request, result.rows), n);
  if (known < n) {
    try {
      scoreRows(request, known, result, known, progress, cancelled);
    } catch (const Failure& failure) {
      if (failure.code() == kAborted) {
        remember(request, result.rows, known);
      } else {
        forget();
      }
      throw;
    } catch (...) {
      forget();
      throw;
    }
  }
  remember(request, result.rows, n);
  return result;
}

/** Decodes what gives rows [firstRow, n). @param known grows with the rows that are done */
void ScoringContext::scoreRows(const ScoreRequest& request, size_t firstRow, ScoreResult& result, size_t& known,
                               const Progress& progress, const std::atomic<bool>& cancelled) {
  const bool hasBos = !request.ids.empty() && request.ids[0] == model_->leadingBos();
  const Windows windows(options_.contextSize, hasBos ? 1 : 0);

  // The tokens of each window, and how many of them the KV cache will hold when its turn comes.
  struct Part {
    Segment segment;
    std::vector<int32_t> tokens;
    size_t kept;
  };
  std::vector<Part> parts;
  size_t total = 0;
  for (const Segment& segment : segmentsFor(windows, firstRow, request.ids.size())) {
    Part part = {segment, std::vector<int32_t>(segment.end), 0};
    for (size_t i = 0; i < segment.end; ++i) part.tokens[i] = windows.token(request.ids.data(), segment.window, i);
    const std::vector<int32_t>& before = parts.empty() ? cached_ : parts.back().tokens;
    part.kept = std::min(commonPrefix(before, part.tokens), segment.logitsFrom);
    total += segment.end - part.kept;
    parts.push_back(std::move(part));
  }

  const bool device = chooseReduction(request.temperature, request.topK);
  if (progress) progress(0, total);
  for (const Part& part : parts) {
    size_t position = keepCached(part.kept);
    total += part.kept - position;
    while (position < part.segment.end) {
      const size_t end = std::min(position + options_.microBatch, part.segment.end);
      const size_t logitsFrom = std::max(position, part.segment.logitsFrom);
      const size_t rows = end > logitsFrom ? end - logitsFrom : 0;
      const size_t row = part.segment.firstRow + (logitsFrom - part.segment.logitsFrom);
      if (device) reducer_->setTargets(request.ids.data() + row, rows);
      decode(part.tokens.data() + position, end - position, position, logitsFrom, &cancelled);
      result.decoded += end - position;
      if (rows > 0) {
        reduceRows(request, row, rows, device, static_cast<int32_t>(logitsFrom - position), result.rows);
        known = row + rows;
      }
      position = end;
      if (progress) progress(result.decoded, total);
    }
  }
}

/** Reduces the rows of the last llama_decode. @param firstOutput index in the batch of the first token with logits */
void ScoringContext::reduceRows(const ScoreRequest& request, size_t row, size_t count, bool device,
                                int32_t firstOutput, ScoreRows& into) {
  std::atomic<size_t> firstBad{count};
  if (device) {
    firstBad = reducer_->read(context_, firstOutput, count, [&](size_t i) { return into.row(row + i); });
  } else {
    const float* logits = api().llama_get_logits(context_);
    const auto vocabulary = static_cast<size_t>(model_->vocabulary());
    pool_.run(count, [&](size_t i, size_t thread) {
      if (reduceRow(logits + i * vocabulary, vocabulary, request.ids[row + i], request.temperature, request.topK,
                    scratch_[thread], into.row(row + i))) {
        return;
      }
      size_t least = firstBad.load();
      while (i < least && !firstBad.compare_exchange_weak(least, i)) {
      }
    });
  }
  if (firstBad < count) {
    throw Failure(kDecodeFailed, "The model " + model_->path() +
                                     " gave numbers that are no distribution (NaN or infinity) for token " +
                                     std::to_string(row + firstBad) +
                                     " of the sequence. The file may be damaged; else try forksight.precision "
                                     "\"exact\".");
  }
}

/** Cuts the KV cache back to its first `count` tokens; how many are left: none where a recurrent state cannot be cut. */
size_t ScoringContext::keepCached(size_t count) {
  if (count >= cached_.size()) return count;
  llama_memory_t memory = api().llama_get_memory(context_);
  if (!api().llama_memory_seq_rm(memory, 0, static_cast<llama_pos>(count), -1)) {
    api().llama_memory_clear(memory, true);
    count = 0;
  }
  cached_.resize(count);
  return count;
}

/** Keeps rows below `known` for the next call. */
void ScoringContext::remember(const ScoreRequest& request, const ScoreRows& rows, size_t known) {
  const size_t end = std::max(known, request.from);
  lastIds_.clear();
  lastRows_ = ScoreRows();
  if ((end - request.from) * request.topK > kMostAlternativesKept) return;
  lastIds_.assign(request.ids.begin(), request.ids.begin() + static_cast<std::ptrdiff_t>(known));
  lastTemperature_ = request.temperature;
  lastRows_ = ScoreRows(request.from, end - request.from, request.topK);
  lastRows_.copyFrom(rows, request.from, end);
}

/** One llama_decode of at most a micro-batch. @param logitsFrom position of the first token whose logits are wanted */
void ScoringContext::decode(const int32_t* tokens, size_t count, size_t position, size_t logitsFrom,
                            const std::atomic<bool>* cancelled) {
  if (cancelled != nullptr && cancelled->load()) throw Failure(kAborted, "The score was cancelled.");
  std::vector<int32_t> token(tokens, tokens + count);
  std::vector<llama_pos> positions(count);
  std::vector<int32_t> sequences(count, 1);
  llama_seq_id zero = 0;
  std::vector<llama_seq_id*> sequence(count, &zero);
  std::vector<int8_t> wanted(count);
  for (size_t i = 0; i < count; ++i) {
    positions[i] = static_cast<llama_pos>(position + i);
    wanted[i] = position + i >= logitsFrom;
  }
  llama_batch batch = {};
  batch.n_tokens = static_cast<int32_t>(count);
  batch.token = token.data();
  batch.pos = positions.data();
  batch.n_seq_id = sequences.data();
  batch.seq_id = sequence.data();
  batch.logits = wanted.data();

  const LogCapture capture;
  int32_t status = 0;
  api().llama_set_abort_callback(context_, isCancelled, const_cast<std::atomic<bool>*>(cancelled));
  try {
    status = api().llama_decode(context_, batch);
    api().llama_synchronize(context_);
  } catch (const std::exception& error) {
    api().llama_set_abort_callback(context_, nullptr, nullptr);
    throw Failure(kDecodeFailed, std::string("llama.cpp failed while it decoded: ") + error.what());
  }
  api().llama_set_abort_callback(context_, nullptr, nullptr);
  // llama.cpp takes the positions of an aborted micro-batch out of the cache again.
  if (status == 2) throw Failure(kAborted, "The score was cancelled.");
  if (status != 0) {
    throw Failure(status == -2 ? kOutOfMemory : kDecodeFailed,
                  "llama.cpp failed while it decoded tokens " + std::to_string(position) + " to " +
                      std::to_string(position + count - 1) + " of the context: " + decodeError(status) + " (" +
                      capture.errors("no further reason was logged") + ").");
  }
  cached_.insert(cached_.end(), tokens, tokens + count);
}

double ScoringContext::decodeOnly(const std::vector<int32_t>& ids) {
  check({ids, 1.0, 0, 0});
  if (ids.size() > options_.contextSize) throw Failure(kBadInput, "decodeOnly takes no more tokens than the context.");
  forget();
  if (reducer_) api().llama_set_sampler(context_, 0, nullptr);
  reducer_.reset();
  const auto before = std::chrono::steady_clock::now();
  for (size_t position = 0; position < ids.size(); position += options_.microBatch) {
    const size_t count = std::min(options_.microBatch, ids.size() - position);
    decode(ids.data() + position, count, position, position, nullptr);
  }
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - before;
  forget();
  return spent.count();
}

void ScoringContext::forget() {
  api().llama_memory_clear(api().llama_get_memory(context_), true);
  cached_.clear();
  lastIds_.clear();
  lastRows_ = ScoreRows();
}

}  // namespace forksight
