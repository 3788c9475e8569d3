// A few threads that share out the rows of one micro-batch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace forksight {

/** Threads that sleep between calls of `run`, so that they take nothing from the decode. Used by one thread at a time. */
class RowPool {
 public:
  /** @param threads in all, the caller of `run` among them; at least 1 */
  explicit RowPool(size_t threads);
  ~RowPool();
  RowPool(const RowPool&) = delete;
  RowPool& operator=(const RowPool&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  /**
   * Calls `work(row, thread)` once for each row below `rows` and returns when all are done. `work` must not throw.
   * @param work thread is below `threads()`, for scratch memory of its own
   */
  void run(size_t rows, const std::function<void(size_t row, size_t thread)>& work);

 private:
  void loop(size_t thread);
  void takeRows(size_t thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const std::function<void(size_t, size_t)>* work_ = nullptr;
  size_t rows_ = 0;
  std::atomic<size_t> next_{0};
  size_t busy_ = 0;
  size_t generation_ = 0;
  bool stopping_ = false;
};

}  // namespace forksight
