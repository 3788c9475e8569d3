#include "row_pool.h"

namespace forksight {

RowPool::RowPool(size_t threads) {
  for (size_t thread = 1; thread < threads; ++thread) {
    workers_.emplace_back([this, thread] { loop(thread); });
  }
}

RowPool::~RowPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void RowPool::run(size_t rows, const std::function<void(size_t, size_t)>& work) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    work_ = &work;
    rows_ = rows;
    next_ = 0;
    busy_ = workers_.size();
    ++generation_;
  }
  wake_.notify_all();
  takeRows(0);
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
}

void RowPool::loop(size_t thread) {
  size_t seen = 0;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
    }
    takeRows(thread);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

void RowPool::takeRows(size_t thread) {
  for (size_t row = next_++; row < rows_; row = next_++) (*work_)(row, thread);
}

}  // namespace forksight
