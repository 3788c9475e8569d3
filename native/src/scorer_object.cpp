#include "scorer_object.h"

#include "addon_data.h"
#include "arguments.h"
#include "job.h"

namespace forksight {

void ScorerObject::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(env, "Scorer",
                                                 {
                                                     InstanceAccessor<&ScorerObject::contextSize>("contextSize"),
                                                     InstanceAccessor<&ScorerObject::microBatch>("microBatch"),
                                                     InstanceAccessor<&ScorerObject::reduces>("reduces"),
                                                     InstanceAccessor<&ScorerObject::reduceNote>("reduceNote"),
                                                     InstanceMethod<&ScorerObject::score>("score"),
                                                     InstanceMethod<&ScorerObject::decodeOnly>("decodeOnly"),
                                                     InstanceMethod<&ScorerObject::free>("free"),
                                                 });
  env.GetInstanceData<AddonData>()->scorer = Napi::Persistent(constructor);
}

Napi::Value ScorerObject::create(Napi::Env env, std::shared_ptr<ScoringContext> context) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->scorer.New({});
  ScorerObject* scorer = Unwrap(object);
  scorer->context_ = std::move(context);
  scorer->look();
  return object;
}

ScorerObject::ScorerObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ScorerObject>(info) {}

bool ScorerObject::ready(Napi::Env env) const {
  if (!context_) {
    Napi::Error::New(env, "The scorer has been freed.").ThrowAsJavaScriptException();
    return false;
  }
  if (*busy_) {
    Napi::Error::New(env, "The scorer is at work: one call at a time.").ThrowAsJavaScriptException();
    return false;
  }
  return true;
}

Napi::Value ScorerObject::contextSize(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), context_ ? static_cast<double>(context_->contextSize()) : 0);
}

Napi::Value ScorerObject::microBatch(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), context_ ? static_cast<double>(context_->microBatch()) : 0);
}

void ScorerObject::look() {
  if (!context_ || *busy_) return;
  onDevice_ = context_->reducesOnDevice();
  note_ = context_->reduceNote();
}

Napi::Value ScorerObject::reduces(const Napi::CallbackInfo& info) {
  look();
  return Napi::String::New(info.Env(), onDevice_ ? "device" : "host");
}

Napi::Value ScorerObject::reduceNote(const Napi::CallbackInfo& info) {
  look();
  return note_.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), note_);
}

Napi::Value ScorerObject::score(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!ready(env)) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    const auto request = std::make_shared<ScoreRequest>(scoreRequest(info));
    const std::shared_ptr<ScoringContext> context = context_;
    const std::shared_ptr<bool> busy = busy_;
    *busy = true;
    return Job::start(
        env, "forksight.score", info[2], info[3],
        [request, context](const Job::Report& report, const std::atomic<bool>& cancelled) -> Job::Finish {
          const auto result = std::make_shared<ScoreResult>(context->score(
              *request,
              [&](size_t done, size_t total) { report(static_cast<double>(done), static_cast<double>(total)); },
              cancelled));
          return [result](Napi::Env at) -> Napi::Value {
            const ScoreRows& rows = result->rows;
            const Napi::Object scores = Napi::Object::New(at);
            scores.Set("entropy", typedArray<Napi::Float32Array>(at, rows.entropy));
            scores.Set("logprob", typedArray<Napi::Float32Array>(at, rows.logprob));
            scores.Set("rank", typedArray<Napi::Uint32Array>(at, rows.rank));
            scores.Set("topIds", typedArray<Napi::Int32Array>(at, rows.topIds));
            scores.Set("topLogprobs", typedArray<Napi::Float32Array>(at, rows.topLogprobs));
            scores.Set("decoded", static_cast<double>(result->decoded));
            return scores;
          };
        },
        [busy] { *busy = false; });
  });
}

Napi::Value ScorerObject::decodeOnly(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!ready(env)) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    const auto ids = std::make_shared<std::vector<int32_t>>(idsArgument(info, 0, "ids"));
    const std::shared_ptr<ScoringContext> context = context_;
    const std::shared_ptr<bool> busy = busy_;
    *busy = true;
    return Job::start(
        env, "forksight.decodeOnly", env.Undefined(), env.Undefined(),
        [ids, context](const Job::Report&, const std::atomic<bool>&) -> Job::Finish {
          const double milliseconds = context->decodeOnly(*ids);
          return [milliseconds](Napi::Env at) -> Napi::Value { return Napi::Number::New(at, milliseconds); };
        },
        [busy] { *busy = false; });
  });
}

Napi::Value ScorerObject::free(const Napi::CallbackInfo& info) {
  if (*busy_) {
    Napi::Error::New(info.Env(), "The scorer is at work: abort the call and await it first.")
        .ThrowAsJavaScriptException();
  } else {
    context_.reset();
  }
  return info.Env().Undefined();
}

}  // namespace forksight
