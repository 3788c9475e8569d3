// The JavaScript class RolloutEngine (native/addon/rollouts.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "rollout_engine.h"

namespace forksight {

class RolloutsObject : public Napi::ObjectWrap<RolloutsObject> {
 public:
  static void define(Napi::Env env);
  explicit RolloutsObject(const Napi::CallbackInfo& info);

 private:
  friend Napi::Value createRollouts(const Napi::CallbackInfo& info);

  Napi::Value parallel(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value setAdapter(const Napi::CallbackInfo& info);
  Napi::Value free(const Napi::CallbackInfo& info);

  /** The engine at rest. Throws Failure where it was freed or a call runs. */
  RolloutEngine& idle() const;

  std::shared_ptr<RolloutEngine> engine_;
  std::shared_ptr<bool> busy_ = std::make_shared<bool>(false);
};

/** createRollouts of native/addon/training.ts. */
Napi::Value createRollouts(const Napi::CallbackInfo& info);

}  // namespace forksight
