// Calling the objective on the JavaScript thread from the thread that runs the graph.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "train_kernel.h"

namespace forksight {

/** A JavaScript function (logprob, entropy) => {byLogprob, byEntropy} that another thread can call. */
class ObjectiveCall {
 public:
  ObjectiveCall(Napi::Env env, Napi::Function objective);
  ~ObjectiveCall();
  ObjectiveCall(const ObjectiveCall&) = delete;
  ObjectiveCall& operator=(const ObjectiveCall&) = delete;

  /**
   * Calls it and waits. Throws Failure where it threw, gave something else than asked, or `cancelled` was set (the
   * environment goes away).
   */
  TargetGradients operator()(const TargetColumns& columns, const std::atomic<bool>& cancelled);

 private:
  struct Exchange;
  Napi::ThreadSafeFunction function_;
};

}  // namespace forksight
