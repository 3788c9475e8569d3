#include "objective_call.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "arguments.h"
#include "failure.h"

namespace forksight {
namespace {

std::vector<double> derivative(const Napi::Value& result, const char* name) {
  const Napi::Value column = result.IsObject() ? result.As<Napi::Object>().Get(name) : Napi::Value();
  if (column.IsEmpty() || !column.IsTypedArray() ||
      column.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    throw Failure(kBadInput, std::string("The objective's ") + name + " must be a Float64Array.");
  }
  const auto array = column.As<Napi::Float64Array>();
  return std::vector<double>(array.Data(), array.Data() + array.ElementLength());
}

}  // namespace

struct ObjectiveCall::Exchange {
  TargetColumns columns;
  TargetGradients gradients;
  std::string failure;
  bool done = false;
  std::mutex mutex;
  std::condition_variable answered;

  void call(Napi::Env env, Napi::Function objective) {
    const Napi::HandleScope scope(env);
    std::string problem;
    TargetGradients given;
    const Napi::Value result = objective.Call({typedArray<Napi::Float32Array>(env, columns.logprob),
                                               typedArray<Napi::Float32Array>(env, columns.entropy)});
    if (env.IsExceptionPending()) {
      problem = "The objective threw: " + env.GetAndClearPendingException().Message();
    } else {
      try {
        given = {derivative(result, "byLogprob"), derivative(result, "byEntropy")};
      } catch (const std::exception& error) {
        problem = error.what();
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    gradients = std::move(given);
    failure = problem;
    done = true;
    answered.notify_all();
  }
};

ObjectiveCall::ObjectiveCall(Napi::Env env, Napi::Function objective)
    : function_(Napi::ThreadSafeFunction::New(env, objective, "forksight.objective", 0, 1)) {}

ObjectiveCall::~ObjectiveCall() { function_.Release(); }

TargetGradients ObjectiveCall::operator()(const TargetColumns& columns, const std::atomic<bool>& cancelled) {
  const auto exchange = std::make_shared<Exchange>();
  exchange->columns = columns;
  function_.BlockingCall([exchange](Napi::Env env, Napi::Function objective) {
    if (env != nullptr) exchange->call(env, objective);
  });
  std::unique_lock<std::mutex> lock(exchange->mutex);
  // The environment may go away before it answers; then only `cancelled` tells.
  while (!exchange->answered.wait_for(lock, std::chrono::milliseconds(50), [&] { return exchange->done; })) {
    if (cancelled) throw Failure(kAborted, "The process ends.");
  }
  if (!exchange->failure.empty()) throw Failure(kBadInput, exchange->failure);
  return std::move(exchange->gradients);
}

}  // namespace forksight
