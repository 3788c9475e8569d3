#include "kernel_object.h"

#include <cmath>

#include "addon_data.h"
#include "arguments.h"
#include "failure.h"
#include "job.h"
#include "lora_adapter.h"
#include "objective_call.h"

namespace forksight {
namespace {

Napi::Object objectAt(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsObject()) throw Failure(kBadInput, std::string(name) + " must be an object.");
  return info[index].As<Napi::Object>();
}

std::string textOr(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return "";
  if (!value.IsString()) throw Failure(kBadInput, std::string(name) + " must be a string.");
  return value.As<Napi::String>();
}

std::vector<int32_t> idsMember(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Failure(kBadInput, std::string(name) + " must be an Int32Array.");
  }
  const auto array = value.As<Napi::Int32Array>();
  return std::vector<int32_t>(array.Data(), array.Data() + array.ElementLength());
}

KernelOptions kernelOptions(const Napi::Object& object) {
  KernelOptions options;
  options.lora.rank = countMember(object, "rank");
  options.lora.alpha = static_cast<float>(numberMember(object, "alpha"));
  const double seed = numberMember(object, "seed");
  if (!(seed >= 0 && seed <= 4294967295.0)) throw Failure(kBadInput, "seed must be an unsigned number of 32 bits.");
  options.lora.seed = static_cast<uint32_t>(seed);
  options.threads = countMember(object, "threads");
  if (options.threads < 1 || options.threads > 512) throw Failure(kBadInput, "threads must lie from 1 to 512.");
  options.device = textOr(object, "device");
  options.backward = textOr(object, "backward");
  const Napi::Value targets = object.Get("targets");
  if (!targets.IsArray()) throw Failure(kBadInput, "targets must be a list of linear layers.");
  for (uint32_t i = 0; i < targets.As<Napi::Array>().Length(); ++i) {
    options.lora.targets.push_back(targets.As<Napi::Array>().Get(i).ToString());
  }
  return options;
}

TokenBatch tokenBatch(const Napi::CallbackInfo& info) {
  const Napi::Object batch = objectAt(info, 0, "batch");
  return {idsMember(batch, "ids"), idsMember(batch, "offsets"), idsMember(batch, "targets"),
          numberMember(batch, "temperature")};
}

Job::Finish columnsResult(TargetColumns columns) {
  const auto shared = std::make_shared<TargetColumns>(std::move(columns));
  return [shared](Napi::Env env) -> Napi::Value {
    const Napi::Object result = Napi::Object::New(env);
    result.Set("logprob", typedArray<Napi::Float32Array>(env, shared->logprob));
    result.Set("entropy", typedArray<Napi::Float32Array>(env, shared->entropy));
    return result;
  };
}

Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  const Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), values[i]);
  return array;
}

}  // namespace

Napi::Value createTrainer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (openedFolder().empty()) throw Failure(kNoBackEnd, "Call open() with llama.cpp's folder first.");
    const std::string path = stringArgument(info, 0, "modelPath");
    const auto options = std::make_shared<KernelOptions>(kernelOptions(objectAt(info, 1, "options")));
    return Job::start(
        env, "forksight.createTrainer", info[2], env.Undefined(),
        [path, options](const Job::Report& report, const std::atomic<bool>& cancelled) -> Job::Finish {
          const auto kernel = std::make_shared<TrainKernel>(path, *options, [&](float fraction) {
            report(fraction, 1);
            return !cancelled.load();
          });
          return [kernel](Napi::Env at) { return KernelObject::create(at, kernel); };
        },
        nullptr);
  });
}

void KernelObject::define(Napi::Env env) {
  const Napi::Function constructor =
      DefineClass(env, "TrainingKernel",
                  {
                      InstanceAccessor<&KernelObject::description>("description"),
                      InstanceAccessor<&KernelObject::step>("step"),
                      InstanceMethod<&KernelObject::forward>("forward"),
                      InstanceMethod<&KernelObject::accumulate>("accumulate"),
                      InstanceMethod<&KernelObject::optimizerStep>("optimizerStep"),
                      InstanceMethod<&KernelObject::zeroGradients>("zeroGradients"),
                      InstanceMethod<&KernelObject::saveAdapter>("saveAdapter"),
                      InstanceMethod<&KernelObject::loadAdapter>("loadAdapter"),
                      InstanceMethod<&KernelObject::exportState>("exportState"),
                      InstanceMethod<&KernelObject::importState>("importState"),
                      InstanceMethod<&KernelObject::parameterNames>("parameterNames"),
                      InstanceMethod<&KernelObject::parameter>("parameter"),
                      InstanceMethod<&KernelObject::setParameter>("setParameter"),
                      InstanceMethod<&KernelObject::gradient>("gradient"),
                      InstanceMethod<&KernelObject::free>("free"),
                  });
  env.GetInstanceData<AddonData>()->kernel = Napi::Persistent(constructor);
}

Napi::Value KernelObject::create(Napi::Env env, std::shared_ptr<TrainKernel> kernel) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->kernel.New({});
  Unwrap(object)->kernel_ = std::move(kernel);
  return object;
}

KernelObject::KernelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelObject>(info) {}

TrainKernel& KernelObject::idle() const {
  if (!kernel_) throw Failure(kBadInput, "The trainer has been freed.");
  if (*busy_) throw Failure(kBadInput, "The trainer is at work: one call at a time.");
  return *kernel_;
}

Napi::Value KernelObject::description(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    TrainKernel& kernel = idle();
    const Architecture& architecture = kernel.model().architecture();
    const Napi::Object result = Napi::Object::New(env);
    result.Set("architecture", architecture.name);
    result.Set("layers", architecture.layers);
    result.Set("vocabularySize", architecture.vocabulary);
    result.Set("trainedContext", architecture.trainedContext);
    result.Set("weightTypes", strings(env, kernel.model().typeNames()));
    result.Set("trainableParameters", static_cast<double>(kernel.lora().count()));
    result.Set("device", kernel.deviceName());
    result.Set("fallbackOperations", strings(env, kernel.fallbackOperations()));
    result.Set("weightBytes", static_cast<double>(kernel.model().bytes()));
    return result;
  });
}

Napi::Value KernelObject::forward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    idle();
    const auto batch = std::make_shared<TokenBatch>(tokenBatch(info));
    const bool base = info[1].IsObject() && info[1].As<Napi::Object>().Get("base").ToBoolean();
    *busy_ = true;
    return Job::start(
        env, "forksight.trainer.forward", env.Undefined(), env.Undefined(),
        [kernel = kernel_, batch, base](const Job::Report&, const std::atomic<bool>&) -> Job::Finish {
          return columnsResult(kernel->forward(*batch, base));
        },
        [busy = busy_] { *busy = false; });
  });
}

Napi::Value KernelObject::accumulate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    idle();
    const auto batch = std::make_shared<TokenBatch>(tokenBatch(info));
    if (!info[1].IsFunction()) throw Failure(kBadInput, "objective must be a function.");
    const auto objective = std::make_shared<ObjectiveCall>(env, info[1].As<Napi::Function>());
    *busy_ = true;
    return Job::start(
        env, "forksight.trainer.accumulate", env.Undefined(), env.Undefined(),
        [kernel = kernel_, batch, objective](const Job::Report&, const std::atomic<bool>& cancelled) -> Job::Finish {
          return columnsResult(kernel->accumulate(
              *batch, [&](const TargetColumns& columns) { return (*objective)(columns, cancelled); }));
        },
        [busy = busy_] { *busy = false; });
  });
}

Napi::Value KernelObject::optimizerStep(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    TrainKernel& kernel = idle();
    const Napi::Object given = objectAt(info, 0, "settings");
    const AdamW settings = {numberMember(given, "learningRate"), numberMember(given, "weightDecay"),
                            numberMember(given, "beta1"),        numberMember(given, "beta2"),
                            numberMember(given, "epsilon"),      numberMember(given, "maxGradNorm")};
    const bool fits = settings.learningRate >= 0 && settings.weightDecay >= 0 && settings.beta1 >= 0 &&
                      settings.beta1 < 1 && settings.beta2 >= 0 && settings.beta2 < 1 && settings.epsilon > 0 &&
                      settings.maxGradNorm >= 0;
    if (!fits) {
      throw Failure(kBadInput, "AdamW needs learningRate, weightDecay and maxGradNorm from 0, beta1 and beta2 in [0, 1), epsilon above 0.");
    }
    const double norm = kernel.lora().optimizerStep(settings);
    const Napi::Object result = Napi::Object::New(env);
    result.Set("gradNorm", norm);
    result.Set("skipped", !std::isfinite(norm));
    return result;
  });
}

Napi::Value KernelObject::zeroGradients(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    idle().lora().zeroGradients();
    return info.Env().Undefined();
  });
}

Napi::Value KernelObject::step(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(idle().lora().step()));
  });
}

Napi::Value KernelObject::saveAdapter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    writeAdapter(idle().lora(), idle().model().architecture().name, stringArgument(info, 0, "path"));
    return info.Env().Undefined();
  });
}

Napi::Value KernelObject::loadAdapter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    readAdapter(idle().lora(), idle().model().architecture().name, stringArgument(info, 0, "path"));
    return info.Env().Undefined();
  });
}

Napi::Value KernelObject::exportState(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return typedArray<Napi::Uint8Array>(info.Env(), idle().lora().exportState());
  });
}

Napi::Value KernelObject::importState(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      throw Failure(kBadInput, "state must be a Uint8Array.");
    }
    const auto state = info[0].As<Napi::Uint8Array>();
    idle().lora().importState(std::vector<uint8_t>(state.Data(), state.Data() + state.ElementLength()));
    return info.Env().Undefined();
  });
}

Napi::Value KernelObject::parameterNames(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    std::vector<std::string> names;
    for (const LoraMatrix& matrix : idle().lora().matrices()) names.push_back(matrix.name);
    return strings(info.Env(), names);
  });
}

Napi::Value KernelObject::parameter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return typedArray<Napi::Float32Array>(info.Env(), idle().lora().get(stringArgument(info, 0, "name")).values);
  });
}

Napi::Value KernelObject::setParameter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    LoraMatrix& matrix = idle().lora().get(stringArgument(info, 0, "name"));
    if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array ||
        info[1].As<Napi::TypedArray>().ElementLength() != matrix.values.size()) {
      throw Failure(kBadInput, "values must be a Float32Array of " + std::to_string(matrix.values.size()) + " numbers.");
    }
    idle().lora().setValues(matrix, info[1].As<Napi::Float32Array>().Data());
    return info.Env().Undefined();
  });
}

Napi::Value KernelObject::gradient(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return typedArray<Napi::Float32Array>(info.Env(), idle().lora().get(stringArgument(info, 0, "name")).gradient);
  });
}

Napi::Value KernelObject::free(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (kernel_) idle();
    kernel_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace forksight
