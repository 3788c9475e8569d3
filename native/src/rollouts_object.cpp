#include "rollouts_object.h"

#include <chrono>

#include "addon_data.h"
#include "arguments.h"
#include "failure.h"
#include "job.h"
#include "model_object.h"

namespace forksight {
namespace {

/** Progress is reported at most this often. */
constexpr auto kReportEvery = std::chrono::milliseconds(200);

Napi::Object objectAt(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsObject()) throw Failure(kBadInput, std::string(name) + " must be an object.");
  return info[index].As<Napi::Object>();
}

std::shared_ptr<RolloutRequest> rolloutRequest(const Napi::CallbackInfo& info) {
  const auto request = std::make_shared<RolloutRequest>();
  if (!info[0].IsArray()) throw Failure(kBadInput, "prompts must be a list of Int32Arrays.");
  const auto prompts = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < prompts.Length(); ++i) {
    const Napi::Value prompt = prompts.Get(i);
    if (!prompt.IsTypedArray() || prompt.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
      throw Failure(kBadInput, "Prompt " + std::to_string(i) + " must be an Int32Array.");
    }
    const auto ids = prompt.As<Napi::Int32Array>();
    request->prompts.emplace_back(ids.Data(), ids.Data() + ids.ElementLength());
  }
  const Napi::Object options = objectAt(info, 1, "options");
  request->groupSize = countMember(options, "groupSize");
  request->maxTokens = countMember(options, "maxTokens");
  request->sampler = {numberMember(options, "temperature"), countMember(options, "topK"), numberMember(options, "topP"),
                      numberMember(options, "minP")};
  const double seed = numberMember(options, "seed");
  if (!(seed >= 0 && seed <= 4294967295.0)) throw Failure(kBadInput, "seed must be an unsigned number of 32 bits.");
  request->seed = static_cast<uint32_t>(seed);
  const Napi::Value stops = options.Get("stopIds");
  if (!stops.IsArray()) throw Failure(kBadInput, "stopIds must be a list of ids.");
  for (uint32_t i = 0; i < stops.As<Napi::Array>().Length(); ++i) {
    request->stopIds.push_back(stops.As<Napi::Array>().Get(i).ToNumber().Int32Value());
  }
  return request;
}

Napi::Value rolloutsResult(Napi::Env env, const std::vector<Rollout>& rollouts) {
  const Napi::Array result = Napi::Array::New(env, rollouts.size());
  for (size_t i = 0; i < rollouts.size(); ++i) {
    const Napi::Object rollout = Napi::Object::New(env);
    rollout.Set("ids", typedArray<Napi::Int32Array>(env, rollouts[i].ids));
    rollout.Set("logprob", typedArray<Napi::Float32Array>(env, rollouts[i].logprob));
    rollout.Set("entropy", typedArray<Napi::Float32Array>(env, rollouts[i].entropy));
    rollout.Set("finished", rollouts[i].finished);
    result.Set(static_cast<uint32_t>(i), rollout);
  }
  return result;
}

/** Job reports two numbers; this one takes the third from beside. */
Napi::Value withTokens(Napi::Env env, const Napi::Value& onProgress, const std::shared_ptr<std::atomic<size_t>>& tokens) {
  if (!onProgress.IsFunction()) return env.Undefined();
  const auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(onProgress.As<Napi::Function>()));
  return Napi::Function::New(env, [callback, tokens](const Napi::CallbackInfo& info) {
    const Napi::Object progress = Napi::Object::New(info.Env());
    progress.Set("done", info[0]);
    progress.Set("total", info[1]);
    progress.Set("tokens", static_cast<double>(tokens->load()));
    callback->Call({progress});
  });
}

}  // namespace

Napi::Value createRollouts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::shared_ptr<LoadedModel> model = ModelObject::modelOf(env, info[0]);
    const Napi::Object given = objectAt(info, 1, "options");
    RolloutOptions options = {};
    options.contextSize = countMember(given, "contextSize");
    options.parallel = countMember(given, "parallel");
    options.threads = countMember(given, "threads");
    const Napi::Value precision = given.Get("precision");
    const std::string name = precision.IsString() ? precision.As<Napi::String>().Utf8Value() : "";
    if (name != "fast" && name != "exact") throw Failure(kBadInput, "precision must be \"fast\" or \"exact\".");
    options.exact = name == "exact";
    if (options.contextSize < 8) throw Failure(kBadInput, "contextSize must be at least 8 tokens.");
    if (options.parallel < 1 || options.threads < 1 || options.threads > 512) {
      throw Failure(kBadInput, "parallel must be at least 1, threads from 1 to 512.");
    }
    const Napi::Object object = env.GetInstanceData<AddonData>()->rollouts.New({});
    RolloutsObject::Unwrap(object)->engine_ = std::make_shared<RolloutEngine>(model, options);
    return object;
  });
}

void RolloutsObject::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(env, "RolloutEngine",
                                                 {
                                                     InstanceAccessor<&RolloutsObject::parallel>("parallel"),
                                                     InstanceMethod<&RolloutsObject::generate>("generate"),
                                                     InstanceMethod<&RolloutsObject::setAdapter>("setAdapter"),
                                                     InstanceMethod<&RolloutsObject::free>("free"),
                                                 });
  env.GetInstanceData<AddonData>()->rollouts = Napi::Persistent(constructor);
}

RolloutsObject::RolloutsObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RolloutsObject>(info) {}

RolloutEngine& RolloutsObject::idle() const {
  if (!engine_) throw Failure(kBadInput, "The rollout engine has been freed.");
  if (*busy_) throw Failure(kBadInput, "The rollout engine is at work: one call at a time.");
  return *engine_;
}

Napi::Value RolloutsObject::parallel(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), engine_ ? static_cast<double>(engine_->parallel()) : 0);
}

Napi::Value RolloutsObject::generate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    idle();
    const auto request = rolloutRequest(info);
    const auto tokens = std::make_shared<std::atomic<size_t>>(0);
    *busy_ = true;
    return Job::start(
        env, "forksight.rollouts", withTokens(env, info[2], tokens), info[3],
        [engine = engine_, request, tokens](const Job::Report& report, const std::atomic<bool>& cancelled) -> Job::Finish {
          auto last = std::chrono::steady_clock::now();
          const auto rollouts = std::make_shared<std::vector<Rollout>>(
              engine->generate(*request, [&](size_t done, size_t total, size_t sampled) {
                tokens->store(sampled);
                const auto now = std::chrono::steady_clock::now();
                if (now - last < kReportEvery && done < total) return;
                last = now;
                report(static_cast<double>(done), static_cast<double>(total));
              }, cancelled));
          return [rollouts](Napi::Env at) { return rolloutsResult(at, *rollouts); };
        },
        [busy = busy_] { *busy = false; });
  });
}

Napi::Value RolloutsObject::setAdapter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    RolloutEngine& engine = idle();
    const std::string path = info[0].IsUndefined() ? "" : stringArgument(info, 0, "path");
    if (!info[0].IsUndefined() && path.empty()) throw Failure(kBadInput, "path must not be empty.");
    if (!info[1].IsNumber()) throw Failure(kBadInput, "scale must be a number.");
    engine.setAdapter(path, info[1].As<Napi::Number>().FloatValue());
    return info.Env().Undefined();
  });
}

Napi::Value RolloutsObject::free(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (engine_) idle();
    engine_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace forksight
