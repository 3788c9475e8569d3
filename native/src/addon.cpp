// The add-on's exports: open, loadModel, reduceLogits, release (native/addon/binding.ts).
#include <napi.h>

#include "addon_data.h"
#include "arguments.h"
#include "failure.h"
#include "job.h"
#include "kernel_object.h"
#include "llama_api.h"
#include "model_object.h"
#include "reduce.h"
#include "rollouts_object.h"
#include "scorer_object.h"

namespace forksight {
namespace {

const char* deviceKind(enum ggml_backend_dev_type type) {
  switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
      return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
      return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
      return "integrated";
    default:
      return "accelerator";
  }
}

Napi::Object describeLibrary(Napi::Env env) {
  const Napi::Object opened = Napi::Object::New(env);
  opened.Set("systemInfo", api().llama_print_system_info());
  const Napi::Array devices = Napi::Array::New(env);
  for (const bool cpu : {false, true}) {
    for (size_t i = 0; i < api().ggml_backend_dev_count(); ++i) {
      ggml_backend_dev_t device = api().ggml_backend_dev_get(i);
      const enum ggml_backend_dev_type type = api().ggml_backend_dev_type(device);
      if ((type == GGML_BACKEND_DEVICE_TYPE_CPU) != cpu) continue;
      size_t freeMemory = 0, totalMemory = 0;
      api().ggml_backend_dev_memory(device, &freeMemory, &totalMemory);
      const Napi::Object entry = Napi::Object::New(env);
      entry.Set("name", api().ggml_backend_dev_name(device));
      entry.Set("description", api().ggml_backend_dev_description(device));
      entry.Set("kind", deviceKind(type));
      entry.Set("freeMemory", static_cast<double>(freeMemory));
      entry.Set("totalMemory", static_cast<double>(totalMemory));
      devices.Set(devices.Length(), entry);
    }
  }
  opened.Set("devices", devices);
  return opened;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string folder = stringArgument(info, 0, "libraryFolder");
    if (openedFolder().empty()) {
      try {
        openLibraries(folder);
      } catch (const std::runtime_error& error) {
        throw Failure(kNoBackEnd, error.what());
      }
    } else if (openedFolder() != folder) {
      throw Failure(kNoBackEnd, "This process has opened llama.cpp in " + openedFolder() +
                                    " and cannot change to " + folder + ": start a new process.");
    }
    return describeLibrary(env);
  });
}

Napi::Value loadModel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (openedFolder().empty()) throw Failure(kNoBackEnd, "Call open() with llama.cpp's folder first.");
    const std::string path = stringArgument(info, 0, "path");
    if (!info[1].IsObject()) throw Failure(kBadInput, "options must be an object.");
    const auto options = info[1].As<Napi::Object>();
    const auto gpuLayers = static_cast<int>(countMember(options, "gpuLayers"));
    const bool vocabularyOnly = options.Get("vocabularyOnly").ToBoolean();
    return Job::start(
        env, "forksight.loadModel", info[2], info[3],
        [path, gpuLayers, vocabularyOnly](const Job::Report& report, const std::atomic<bool>& cancelled) -> Job::Finish {
          int lastPercent = -1;
          const std::shared_ptr<LoadedModel> model = LoadedModel::load(path, gpuLayers, vocabularyOnly, [&](float fraction) {
            const int percent = static_cast<int>(fraction * 100);
            if (percent != lastPercent) report(fraction, 1);
            lastPercent = percent;
            return !cancelled.load();
          });
          return [model](Napi::Env at) { return ModelObject::create(at, model); };
        },
        nullptr);
  });
}

Napi::Value reduceLogits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      throw Failure(kBadInput, "logits must be a Float32Array.");
    }
    const auto logits = info[0].As<Napi::Float32Array>();
    const std::vector<int32_t> targets = idsArgument(info, 1, "targets");
    const double temperature = info[2].ToNumber();
    const auto topK = static_cast<size_t>(info[3].ToNumber().Uint32Value());
    const size_t rows = targets.size();
    if (rows == 0 || logits.ElementLength() % rows != 0) {
      throw Failure(kBadInput, "logits must hold one row of the vocabulary for each target.");
    }
    const size_t vocabulary = logits.ElementLength() / rows;
    if (topK > vocabulary || !(temperature > 0)) throw Failure(kBadInput, "topK or temperature is out of range.");
    ScoreRows result(0, rows, topK);
    ReduceScratch scratch;
    for (size_t i = 0; i < rows; ++i) {
      if (targets[i] < 0 || static_cast<size_t>(targets[i]) >= vocabulary) {
        throw Failure(kBadInput, "A target is outside the vocabulary.");
      }
      if (!reduceRow(logits.Data() + i * vocabulary, vocabulary, targets[i], temperature, topK, scratch,
                     result.row(i))) {
        throw Failure(kBadInput, "Row " + std::to_string(i) + " is no distribution (NaN or infinity).");
      }
    }
    const Napi::Object out = Napi::Object::New(env);
    out.Set("entropy", typedArray<Napi::Float32Array>(env, result.entropy));
    out.Set("logprob", typedArray<Napi::Float32Array>(env, result.logprob));
    out.Set("rank", typedArray<Napi::Uint32Array>(env, result.rank));
    out.Set("topIds", typedArray<Napi::Int32Array>(env, result.topIds));
    out.Set("topLogprobs", typedArray<Napi::Float32Array>(env, result.topLogprobs));
    out.Set("instructionSet", reduceInstructionSet());
    return out;
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  ModelObject::define(env);
  ScorerObject::define(env);
  KernelObject::define(env);
  RolloutsObject::define(env);
  // Runs before the environment's objects are finalised: no thread works on a model that goes away.
  env.AddCleanupHook([env = static_cast<napi_env>(env)] { Job::stopAll(env); });
  exports.Set("release", builtForRelease());
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("loadModel", Napi::Function::New(env, loadModel, "loadModel"));
  exports.Set("reduceLogits", Napi::Function::New(env, reduceLogits, "reduceLogits"));
  exports.Set("createRollouts", Napi::Function::New(env, createRollouts, "createRollouts"));
  exports.Set("createTrainer", Napi::Function::New(env, createTrainer, "createTrainer"));
  return exports;
}

}  // namespace

NODE_API_MODULE(forksight, initialize)

}  // namespace forksight
