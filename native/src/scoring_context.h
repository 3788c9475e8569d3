// A context of llama.cpp that scores token sequences and remembers the last one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device_reducer.h"
#include "loaded_model.h"
#include "row_pool.h"
#include "score_rows.h"
#include "windows.h"

namespace forksight {

enum class Reduce { automatic, device, host };

struct ContextOptions {
  size_t contextSize;
  /** No flash attention and an F32 KV cache. */
  bool exact;
  /** 0 takes the physical cores. */
  int threads;
  /** A LoRA adapter, or empty. */
  std::string adapterPath;
  Reduce reduce;
  /** 0 chooses. */
  size_t microBatch;
};

struct ScoreRequest {
  std::vector<int32_t> ids;
  double temperature;
  size_t topK;
  size_t from;
};

struct ScoreResult {
  /** Rows [from, ids.size()). */
  ScoreRows rows;
  /** Tokens that llama_decode processed. */
  size_t decoded;
};

/** Used by one thread at a time. */
class ScoringContext {
 public:
  using Progress = std::function<void(size_t done, size_t total)>;

  /** Throws Failure (OUT_OF_MEMORY, UNSUPPORTED_MODEL, BAD_MODEL for the adapter). */
  ScoringContext(std::shared_ptr<LoadedModel> model, const ContextOptions& options);
  ~ScoringContext();
  ScoringContext(const ScoringContext&) = delete;
  ScoringContext& operator=(const ScoringContext&) = delete;

  /**
   * Scores a sequence, reusing the KV cache and the rows of the previous call as far as the sequences agree.
   * Throws Failure: BAD_INPUT, DECODE_FAILED (the cache is then empty), ABORT_ERR (what was decoded is kept).
   */
  ScoreResult score(const ScoreRequest& request, const Progress& progress, const std::atomic<bool>& cancelled);

  /** For the bench: llama_decode over all of `ids` with all logits and nothing else; milliseconds. Empties the cache. */
  double decodeOnly(const std::vector<int32_t>& ids);

  size_t contextSize() const { return options_.contextSize; }
  size_t microBatch() const { return options_.microBatch; }
  /** This and the note are for the thread that scores, or for others between its calls. */
  bool reducesOnDevice() const { return onDevice_; }
  /** Why the host reduces although the device was asked for; else empty. */
  const std::string& reduceNote() const { return note_; }
  const std::shared_ptr<LoadedModel>& model() const { return model_; }

 private:
  void createContext();
  void freeContext();
  void applyAdapter();
  /** Sets or removes the backend sampler; whether this call reduces on the device. */
  bool chooseReduction(double temperature, size_t topK);
  void check(const ScoreRequest& request) const;
  size_t firstRowToDecode(const ScoreRequest& request, ScoreRows& rows) const;
  void scoreRows(const ScoreRequest& request, size_t firstRow, ScoreResult& result, size_t& known,
                 const Progress& progress, const std::atomic<bool>& cancelled);
  void reduceRows(const ScoreRequest& request, size_t row, size_t count, bool device, int32_t firstOutput,
                  ScoreRows& into);
  size_t keepCached(size_t count);
  void remember(const ScoreRequest& request, const ScoreRows& rows, size_t known);
  void decode(const int32_t* tokens, size_t count, size_t position, size_t logitsFrom,
              const std::atomic<bool>* cancelled);
  void forget();

  std::shared_ptr<LoadedModel> model_;
  ContextOptions options_;
  llama_context* context_ = nullptr;
  llama_adapter_lora* adapter_ = nullptr;
  RowPool pool_;
  std::vector<ReduceScratch> scratch_;
  bool onDevice_ = false;
  std::string note_;
  std::unique_ptr<DeviceReducer> reducer_;

  /** Tokens in the KV cache, by position. */
  std::vector<int32_t> cached_;
  /** The previous sequence as far as its rows are known, with the settings they hold for. */
  std::vector<int32_t> lastIds_;
  ScoreRows lastRows_;
  double lastTemperature_ = 0;
};

}  // namespace forksight
