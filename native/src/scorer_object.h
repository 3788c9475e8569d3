// The JavaScript class Scorer (native/addon/binding.ts).
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "scoring_context.h"

namespace forksight {

class ScorerObject : public Napi::ObjectWrap<ScorerObject> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(Napi::Env env, std::shared_ptr<ScoringContext> context);
  explicit ScorerObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value contextSize(const Napi::CallbackInfo& info);
  Napi::Value microBatch(const Napi::CallbackInfo& info);
  Napi::Value reduces(const Napi::CallbackInfo& info);
  Napi::Value reduceNote(const Napi::CallbackInfo& info);
  Napi::Value score(const Napi::CallbackInfo& info);
  Napi::Value decodeOnly(const Napi::CallbackInfo& info);
  Napi::Value free(const Napi::CallbackInfo& info);

  /** Whether it lives and is at rest; else a JavaScript exception is pending. */
  bool ready(Napi::Env env) const;

  /** What the last look at the idle context said: a running call may change it on its own thread. */
  void look();

  std::shared_ptr<ScoringContext> context_;
  bool onDevice_ = false;
  std::string note_;
  /** Shared with the running job, which may outlive this object. */
  std::shared_ptr<bool> busy_ = std::make_shared<bool>(false);
};

}  // namespace forksight
