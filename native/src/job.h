// Work off the JavaScript thread that ends in a promise.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace forksight {

/** A JavaScript Error with `code` set; named AbortError for a cancellation. */
Napi::Error toError(Napi::Env env, const std::exception& error);

/**
 * One thread, one promise. The thread may report progress and is told when to stop: by an AbortSignal, by an exception
 * of the progress callback, or because the environment goes away (then it is joined before anything is freed).
 */
class Job : public std::enable_shared_from_this<Job> {
 public:
  using Report = std::function<void(double done, double total)>;
  /** Makes the result on the JavaScript thread once the work is done. */
  using Finish = std::function<Napi::Value(Napi::Env)>;
  /** Runs on the thread; throws std::exception for a rejection. */
  using Work = std::function<Finish(const Report& report, const std::atomic<bool>& cancelled)>;

  /**
   * @param onProgress a function, called with (done, total), or undefined
   * @param signal an AbortSignal, or undefined
   * @param after called on the JavaScript thread when the promise is settled
   */
  static Napi::Value start(Napi::Env env, const char* name, Napi::Value onProgress, Napi::Value signal, Work work,
                           std::function<void()> after);

  /** Stops and joins all jobs of an environment; for its clean-up. */
  static void stopAll(napi_env env);

 private:
  explicit Job(Napi::Env env) : env_(env), deferred_(Napi::Promise::Deferred::New(env)) {}

  void listen(Napi::Env env, Napi::Object signal);
  void run();
  void settle(Napi::Env env);

  napi_env env_;
  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction calls_;
  std::thread thread_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  Work work_;
  std::function<void()> after_;
  Finish finish_;
  std::exception_ptr failure_;
  /** What the progress callback threw. */
  Napi::Reference<Napi::Value> thrown_;
  Napi::ObjectReference signal_;
  Napi::FunctionReference listener_;
};

}  // namespace forksight
