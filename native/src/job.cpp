#include "job.h"

#include <mutex>
#include <set>

#include "failure.h"

namespace forksight {
namespace {

std::mutex g_jobsMutex;
std::set<std::shared_ptr<Job>> g_jobs;

Napi::Value progressOrNothing(Napi::Env env, Napi::Value given) {
  return given.IsFunction() ? given : Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
}

}  // namespace

Napi::Error toError(Napi::Env env, const std::exception& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  if (const auto* failure = dynamic_cast<const Failure*>(&error)) {
    result.Value().Set("code", failure->code());
    if (failure->code() == kAborted) result.Value().Set("name", "AbortError");
  }
  return result;
}

Napi::Value Job::start(Napi::Env env, const char* name, Napi::Value onProgress, Napi::Value signal, Work work,
                       std::function<void()> after) {
  std::shared_ptr<Job> job(new Job(env));
  job->work_ = std::move(work);
  job->after_ = std::move(after);
  if (signal.IsObject()) job->listen(env, signal.As<Napi::Object>());
  job->calls_ = Napi::ThreadSafeFunction::New(env, progressOrNothing(env, onProgress).As<Napi::Function>(), name, 0, 1);
  {
    const std::lock_guard<std::mutex> lock(g_jobsMutex);
    g_jobs.insert(job);
  }
  const Napi::Promise promise = job->deferred_.Promise();
  job->thread_ = std::thread([job] { job->run(); });
  return promise;
}

void Job::listen(Napi::Env env, Napi::Object signal) {
  if (signal.Get("aborted").ToBoolean()) {
    cancelled_->store(true);
    return;
  }
  const auto add = signal.Get("addEventListener");
  if (!add.IsFunction()) return;
  // The flag alone is captured: the signal may outlive the job.
  const auto flag = cancelled_;
  const auto listener = Napi::Function::New(env, [flag](const Napi::CallbackInfo&) { flag->store(true); });
  signal_ = Napi::Persistent(signal);
  listener_ = Napi::Persistent(listener);
  add.As<Napi::Function>().Call(signal, {Napi::String::New(env, "abort"), listener});
}

void Job::run() {
  const std::shared_ptr<Job> self = shared_from_this();
  const Report report = [self](double done, double total) {
    self->calls_.NonBlockingCall([self, done, total](Napi::Env env, Napi::Function callback) {
      if (env == nullptr || self->cancelled_->load()) return;
      callback.Call({Napi::Number::New(env, done), Napi::Number::New(env, total)});
      if (!env.IsExceptionPending()) return;
      self->thrown_ = Napi::Reference<Napi::Value>::New(env.GetAndClearPendingException().Value(), 1);
      self->cancelled_->store(true);
    });
  };
  try {
    finish_ = work_(report, *cancelled_);
  } catch (...) {
    failure_ = std::current_exception();
  }
  work_ = nullptr;
  calls_.BlockingCall([self](Napi::Env env, Napi::Function) {
    if (env != nullptr) self->settle(env);
  });
  calls_.Release();
}

void Job::settle(Napi::Env env) {
  const Napi::HandleScope scope(env);
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard<std::mutex> lock(g_jobsMutex);
    g_jobs.erase(shared_from_this());
  }
  if (!signal_.IsEmpty()) {
    const auto remove = signal_.Value().Get("removeEventListener");
    if (remove.IsFunction()) {
      remove.As<Napi::Function>().Call(signal_.Value(), {Napi::String::New(env, "abort"), listener_.Value()});
    }
    signal_.Reset();
    listener_.Reset();
  }
  if (after_) after_();
  if (!thrown_.IsEmpty()) {
    deferred_.Reject(thrown_.Value());
  } else if (failure_) {
    try {
      std::rethrow_exception(failure_);
    } catch (const std::exception& error) {
      deferred_.Reject(toError(env, error).Value());
    } catch (...) {
      deferred_.Reject(Napi::Error::New(env, "llama.cpp threw something that is no exception.").Value());
    }
  } else {
    deferred_.Resolve(finish_(env));
  }
  finish_ = nullptr;
  after_ = nullptr;
  thrown_.Reset();
}

void Job::stopAll(napi_env env) {
  std::set<std::shared_ptr<Job>> jobs;
  {
    const std::lock_guard<std::mutex> lock(g_jobsMutex);
    for (const auto& job : g_jobs) {
      if (job->env_ == env) jobs.insert(job);
    }
    for (const auto& job : jobs) g_jobs.erase(job);
  }
  for (const auto& job : jobs) job->cancelled_->store(true);
  for (const auto& job : jobs) {
    if (job->thread_.joinable()) job->thread_.join();
  }
}

}  // namespace forksight
