// The JavaScript class TrainingKernel (native/addon/training.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "train_kernel.h"

namespace forksight {

class KernelObject : public Napi::ObjectWrap<KernelObject> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(Napi::Env env, std::shared_ptr<TrainKernel> kernel);
  explicit KernelObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value description(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value optimizerStep(const Napi::CallbackInfo& info);
  Napi::Value zeroGradients(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value saveAdapter(const Napi::CallbackInfo& info);
  Napi::Value loadAdapter(const Napi::CallbackInfo& info);
  Napi::Value exportState(const Napi::CallbackInfo& info);
  Napi::Value importState(const Napi::CallbackInfo& info);
  Napi::Value parameterNames(const Napi::CallbackInfo& info);
  Napi::Value parameter(const Napi::CallbackInfo& info);
  Napi::Value setParameter(const Napi::CallbackInfo& info);
  Napi::Value gradient(const Napi::CallbackInfo& info);
  Napi::Value free(const Napi::CallbackInfo& info);

  /** The kernel at rest. Throws Failure where it was freed or a call runs. */
  TrainKernel& idle() const;

  std::shared_ptr<TrainKernel> kernel_;
  /** Shared with the running job, which may outlive this object. */
  std::shared_ptr<bool> busy_ = std::make_shared<bool>(false);
};

/** createTrainer of native/addon/training.ts. */
Napi::Value createTrainer(const Napi::CallbackInfo& info);

}  // namespace forksight
