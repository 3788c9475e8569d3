#include "rollout_lane.h"

#include <algorithm>
#include <cmath>

#include "failure.h"
#include "training_api.h"

namespace forksight {
namespace {

constexpr size_t kNone = static_cast<size_t>(-1);
/** Prompt tokens of one llama_decode. */
constexpr size_t kPromptBatch = 512;

bool mustStop(void* stop) { return static_cast<const RolloutStop*>(stop)->asked(); }

}  // namespace

/** One sequence of the context. */
struct RolloutLane::Slot {
  /** The rollout that runs here, or kNone. */
  size_t rollout = kNone;
  /** Prompt whose tokens but the last stand at the start of this sequence's cache, or kNone. */
  size_t prompt = kNone;
  /** Tokens in the cache. */
  size_t position = 0;
  /** To be decoded next. */
  int32_t token = 0;
};

/** One call of `generate`. */
struct RolloutLane::Call {
  const RolloutRequest& request;
  const std::vector<size_t>& queue;
  std::vector<Rollout>& rollouts;
  const RolloutStop& stop;
  /** By rollout; only those of the queue are used. */
  std::vector<Random> random;
  std::vector<Slot> slots;
  /** The first of the queue that waits. */
  size_t waiting = 0;
  size_t done = 0;
  size_t tokens = 0;

  size_t promptOf(size_t rollout) const { return rollout / request.groupSize; }
  /** Tokens of a prompt that are shared by its group: all but the last, which each rollout decodes for itself. */
  size_t shared(size_t prompt) const { return request.prompts[prompt].size() - 1; }
};

RolloutLane::RolloutLane(std::shared_ptr<LoadedModel> model, const LaneOptions& options)
    : model_(std::move(model)), options_(options), batch_(std::max(options.parallel, kPromptBatch)),
      pool_(options.threads), samplers_(pool_.threads()) {
  const LogCapture log;
  llama_context_params params = api().llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(options.contextSize * options.parallel);
  params.n_batch = params.n_ubatch = static_cast<uint32_t>(batch_);
  params.n_seq_max = static_cast<uint32_t>(options.parallel);
  params.n_outputs_max = static_cast<uint32_t>(options.parallel);
  params.n_outputs_max_per_seq = 1;
  params.n_threads = params.n_threads_batch = static_cast<int32_t>(options.threads);
  params.pooling_type = LLAMA_POOLING_TYPE_NONE;
  params.flash_attn_type = options.exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.type_k = params.type_v = options.exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.swa_full = true;
  params.no_perf = true;
  // Each sequence attends to its own cache alone: with one cache for all, attention would cost the sum of their lengths.
  params.kv_unified = false;
  try {
    context_ = api().llama_init_from_model(model_->get(), params);
  } catch (const std::exception& error) {
    throw Failure(kOutOfMemory, std::string("The context for rollouts could not be made: ") + error.what());
  }
  if (context_ == nullptr) {
    throw Failure(kOutOfMemory, "A context of " + std::to_string(options.parallel) + " sequences of " +
                                    std::to_string(options.contextSize) + " tokens could not be made (" +
                                    log.errors("memory may be too small") + "). Lower the number of parallel rollouts or their length.");
  }
}

RolloutLane::~RolloutLane() {
  if (context_ != nullptr) api().llama_free(context_);
}

void RolloutLane::setAdapter(llama_adapter_lora* adapter, float scale) {
  const LogCapture log;
  if (api().llama_set_adapters_lora(context_, &adapter, adapter ? 1 : 0, &scale) != 0) {
    throw Failure(kBadModel, "The LoRA adapter could not be set: " + log.errors("llama.cpp gave no reason") + ".");
  }
}

void RolloutLane::generate(const RolloutRequest& request, const std::vector<size_t>& queue,
                           std::vector<Rollout>& rollouts, const Progress& progress, const RolloutStop& stop) {
  Call call = {request, queue, rollouts, stop, {}, {}};
  call.slots.resize(options_.parallel);
  for (size_t i = 0; i < rollouts.size(); ++i) {
    call.random.emplace_back(request.seed, i / request.groupSize, i % request.groupSize);
  }
  api().llama_memory_clear(api().llama_get_memory(context_), false);
  while (call.done < queue.size()) {
    if (stop.asked()) throw Failure(kAborted, "The rollouts were cancelled.");
    const size_t done = call.done, tokens = call.tokens;
    fillSlots(call);
    closeGaps(call);
    step(call);
    progress(call.done - done, call.tokens - tokens);
  }
}

/** Gives free slots to waiting rollouts; prompts that no slot holds are decoded together. */
void RolloutLane::fillSlots(Call& call) {
  std::vector<std::pair<size_t, size_t>> late;
  std::vector<int32_t> tokens, positions, sequences;
  for (size_t slot = 0; slot < call.slots.size() && call.waiting < call.queue.size(); ++slot) {
    if (call.slots[slot].rollout != kNone) continue;
    const size_t rollout = call.queue[call.waiting++];
    const size_t prompt = call.promptOf(rollout);
    const bool held = call.shared(prompt) == 0 ||
                      std::any_of(call.slots.begin(), call.slots.end(), [&](const Slot& s) { return s.prompt == prompt; });
    if (held) {
      // Its holder may be a slot whose prompt is still to be decoded below.
      late.emplace_back(slot, rollout);
      call.slots[slot].rollout = rollout;
      continue;
    }
    api().llama_memory_seq_rm(api().llama_get_memory(context_), static_cast<llama_seq_id>(slot), -1, -1);
    const auto& ids = call.request.prompts[prompt];
    for (size_t i = 0; i < call.shared(prompt); ++i) {
      tokens.push_back(ids[i]);
      positions.push_back(static_cast<int32_t>(i));
      sequences.push_back(static_cast<int32_t>(slot));
    }
    call.slots[slot] = {rollout, prompt, call.shared(prompt), ids.back()};
  }
  if (!tokens.empty()) decode(tokens, positions, sequences, false, call.stop);
  for (const auto& [slot, rollout] : late) start(call, slot, rollout);
}

/** Puts a rollout into a slot, its prompt taken from a slot that holds it. */
void RolloutLane::start(Call& call, size_t slot, size_t rollout) {
  llama_memory_t memory = api().llama_get_memory(context_);
  const size_t prompt = call.promptOf(rollout);
  const size_t shared = call.shared(prompt);
  Slot& own = call.slots[slot];
  if (shared == 0) {
    api().llama_memory_seq_rm(memory, static_cast<llama_seq_id>(slot), -1, -1);
  } else if (own.prompt != prompt) {
    const auto holder = std::find_if(call.slots.begin(), call.slots.end(),
                                     [&](const Slot& other) { return other.prompt == prompt; });
    if (holder == call.slots.end()) {
      // The slot that held it has been given to another prompt in the same round.
      api().llama_memory_seq_rm(memory, static_cast<llama_seq_id>(slot), -1, -1);
      const auto& ids = call.request.prompts[prompt];
      std::vector<int32_t> positions(shared), sequences(shared, static_cast<int32_t>(slot));
      for (size_t i = 0; i < shared; ++i) positions[i] = static_cast<int32_t>(i);
      decode({ids.begin(), ids.end() - 1}, positions, sequences, false, call.stop);
    } else {
      copySequence(static_cast<size_t>(holder - call.slots.begin()), slot);
    }
  }
  if (shared > 0) {
    api().llama_memory_seq_rm(memory, static_cast<llama_seq_id>(slot), static_cast<llama_pos>(shared), -1);
  }
  own = {rollout, shared > 0 ? prompt : kNone, shared, call.request.prompts[prompt].back()};
}

void RolloutLane::copySequence(size_t from, size_t to) {
  llama_memory_t memory = api().llama_get_memory(context_);
  api().llama_memory_seq_rm(memory, static_cast<llama_seq_id>(to), -1, -1);
  trainingApi().llama_memory_seq_cp(memory, static_cast<llama_seq_id>(from), static_cast<llama_seq_id>(to), -1, -1);
}

/**
 * Moves the last running rollouts into free slots in front of them once none waits: llama.cpp splits a batch where the
 * numbers of its sequences leave a gap.
 */
void RolloutLane::closeGaps(Call& call) {
  size_t front = 0, back = call.slots.size();
  for (;;) {
    while (front < call.slots.size() && call.slots[front].rollout != kNone) ++front;
    while (back > 0 && call.slots[back - 1].rollout == kNone) --back;
    if (front >= back) return;
    copySequence(back - 1, front);
    std::swap(call.slots[front], call.slots[back - 1]);
    call.slots[back - 1] = {};
  }
}

/** Decodes one token of each running rollout and samples the next. */
void RolloutLane::step(Call& call) {
  std::vector<int32_t> tokens, positions, sequences;
  std::vector<size_t> running;
  for (size_t slot = 0; slot < call.slots.size(); ++slot) {
    const Slot& at = call.slots[slot];
    if (at.rollout == kNone) continue;
    tokens.push_back(at.token);
    positions.push_back(static_cast<int32_t>(at.position));
    sequences.push_back(static_cast<int32_t>(slot));
    running.push_back(slot);
  }
  decode(tokens, positions, sequences, true, call.stop);
  std::vector<const float*> rows(running.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = trainingApi().llama_get_logits_ith(context_, static_cast<int32_t>(i));
    if (rows[i] == nullptr) throw Failure(kDecodeFailed, "llama.cpp gave no logits for a rollout.");
  }
  std::vector<Sampled> sampled(running.size());
  std::atomic<bool> broken{false};
  pool_.run(running.size(), [&](size_t i, size_t thread) {
    Random& random = call.random[call.slots[running[i]].rollout];
    if (!samplers_[thread].sample(rows[i], static_cast<size_t>(model_->vocabulary()), call.request.sampler, random,
                                  sampled[i])) {
      broken = true;
    }
  });
  if (broken) {
    throw Failure(kDecodeFailed, "The model's distribution is not finite: the adapter has diverged, or the model is broken.");
  }
  for (size_t i = 0; i < running.size(); ++i) {
    Slot& slot = call.slots[running[i]];
    Rollout& rollout = call.rollouts[slot.rollout];
    rollout.ids.push_back(sampled[i].token);
    rollout.logprob.push_back(sampled[i].logprob);
    rollout.entropy.push_back(sampled[i].entropy);
    ++call.tokens;
    ++slot.position;
    slot.token = sampled[i].token;
    const auto& stops = call.request.stopIds;
    rollout.finished = std::find(stops.begin(), stops.end(), slot.token) != stops.end();
    const size_t room = options_.contextSize - call.request.prompts[call.promptOf(slot.rollout)].size();
    if (rollout.finished || rollout.ids.size() >= std::min(call.request.maxTokens, room)) {
      slot.rollout = kNone;
      ++call.done;
    }
  }
}

void RolloutLane::decode(const std::vector<int32_t>& tokens, const std::vector<int32_t>& positions,
                           const std::vector<int32_t>& sequences, bool logits, const RolloutStop& stop) {
  std::vector<llama_token> token(tokens.begin(), tokens.end());
  std::vector<llama_pos> position(positions.begin(), positions.end());
  std::vector<llama_seq_id> sequence(sequences.begin(), sequences.end());
  std::vector<llama_seq_id*> sequenceLists(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) sequenceLists[i] = &sequence[i];
  std::vector<int32_t> counts(tokens.size(), 1);
  std::vector<int8_t> wanted(tokens.size(), logits ? 1 : 0);
  for (size_t from = 0; from < tokens.size(); from += batch_) {
    llama_batch batch = {};
    batch.n_tokens = static_cast<int32_t>(std::min(batch_, tokens.size() - from));
    batch.token = token.data() + from;
    batch.pos = position.data() + from;
    batch.n_seq_id = counts.data() + from;
    batch.seq_id = sequenceLists.data() + from;
    batch.logits = wanted.data() + from;
    const LogCapture log;
    int32_t status = 0;
    api().llama_set_abort_callback(context_, mustStop, const_cast<RolloutStop*>(&stop));
    try {
      status = api().llama_decode(context_, batch);
      api().llama_synchronize(context_);
    } catch (const std::exception& error) {
      api().llama_set_abort_callback(context_, nullptr, nullptr);
      throw Failure(kDecodeFailed, std::string("llama.cpp failed while it decoded rollouts: ") + error.what());
    }
    api().llama_set_abort_callback(context_, nullptr, nullptr);
    if (status == 2) throw Failure(kAborted, "The rollouts were cancelled.");
    if (status != 0) {
      throw Failure(status == -2 ? kOutOfMemory : kDecodeFailed,
                    "llama.cpp failed while it decoded rollouts (status " + std::to_string(status) + ", " +
                        log.errors("no further reason was logged") + ").");
    }
  }
}

}  // namespace forksight
