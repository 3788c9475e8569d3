// The JavaScript class Model (native/addon/binding.ts).
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "loaded_model.h"

namespace forksight {

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(Napi::Env env, std::shared_ptr<LoadedModel> model);
  /** The model of a JavaScript Model. Throws Failure (BAD_INPUT) for anything else, and where it was freed. */
  static std::shared_ptr<LoadedModel> modelOf(Napi::Env env, Napi::Value value);
  explicit ModelObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value description(const Napi::CallbackInfo& info);
  Napi::Value vocabularySize(const Napi::CallbackInfo& info);
  Napi::Value trainedContext(const Napi::CallbackInfo& info);
  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value layers(const Napi::CallbackInfo& info);
  Napi::Value hasDecoder(const Napi::CallbackInfo& info);
  Napi::Value addsBos(const Napi::CallbackInfo& info);
  Napi::Value bosId(const Napi::CallbackInfo& info);
  Napi::Value eosId(const Napi::CallbackInfo& info);
  Napi::Value metadata(const Napi::CallbackInfo& info);
  Napi::Value tokenize(const Napi::CallbackInfo& info);
  Napi::Value pieces(const Napi::CallbackInfo& info);
  Napi::Value createScorer(const Napi::CallbackInfo& info);
  Napi::Value free(const Napi::CallbackInfo& info);

  /** Null after `free`, with a JavaScript exception pending. */
  LoadedModel* alive(Napi::Env env) const;

  std::shared_ptr<LoadedModel> model_;
};

}  // namespace forksight
