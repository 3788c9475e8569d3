#include "model_object.h"

#include "addon_data.h"
#include "arguments.h"
#include "failure.h"
#include "job.h"
#include "scorer_object.h"

namespace forksight {

void ModelObject::define(Napi::Env env) {
  const Napi::Function constructor =
      DefineClass(env, "Model",
                  {
                      InstanceAccessor<&ModelObject::description>("description"),
                      InstanceAccessor<&ModelObject::vocabularySize>("vocabularySize"),
                      InstanceAccessor<&ModelObject::trainedContext>("trainedContext"),
                      InstanceAccessor<&ModelObject::parameters>("parameters"),
                      InstanceAccessor<&ModelObject::layers>("layers"),
                      InstanceAccessor<&ModelObject::hasDecoder>("hasDecoder"),
                      InstanceAccessor<&ModelObject::addsBos>("addsBos"),
                      InstanceAccessor<&ModelObject::bosId>("bosId"),
                      InstanceAccessor<&ModelObject::eosId>("eosId"),
                      InstanceMethod<&ModelObject::metadata>("metadata"),
                      InstanceMethod<&ModelObject::tokenize>("tokenize"),
                      InstanceMethod<&ModelObject::pieces>("pieces"),
                      InstanceMethod<&ModelObject::createScorer>("createScorer"),
                      InstanceMethod<&ModelObject::free>("free"),
                  });
  env.GetInstanceData<AddonData>()->model = Napi::Persistent(constructor);
}

Napi::Value ModelObject::create(Napi::Env env, std::shared_ptr<LoadedModel> model) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->model.New({});
  Unwrap(object)->model_ = std::move(model);
  return object;
}

std::shared_ptr<LoadedModel> ModelObject::modelOf(Napi::Env env, Napi::Value value) {
  const Napi::Function constructor = env.GetInstanceData<AddonData>()->model.Value();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor)) {
    throw Failure(kBadInput, "model must be a Model that loadModel gave.");
  }
  const std::shared_ptr<LoadedModel> model = Unwrap(value.As<Napi::Object>())->model_;
  if (!model) throw Failure(kBadInput, "The model has been freed.");
  return model;
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {}

LoadedModel* ModelObject::alive(Napi::Env env) const {
  if (!model_) Napi::Error::New(env, "The model has been freed.").ThrowAsJavaScriptException();
  return model_.get();
}

Napi::Value ModelObject::description(const Napi::CallbackInfo& info) {
  const LoadedModel* model = alive(info.Env());
  return model ? Napi::Value(Napi::String::New(info.Env(), model->description())) : info.Env().Undefined();
}

/** A number of the living model, or undefined with an exception pending. */
template <typename Read>
static Napi::Value number(Napi::Env env, const LoadedModel* model, const Read& read) {
  if (model == nullptr) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(read(*model)));
}

Napi::Value ModelObject::vocabularySize(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()), [](const LoadedModel& model) { return model.vocabulary(); });
}

Napi::Value ModelObject::trainedContext(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()),
                [](const LoadedModel& model) { return api().llama_model_n_ctx_train(model.get()); });
}

Napi::Value ModelObject::parameters(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()),
                [](const LoadedModel& model) { return api().llama_model_n_params(model.get()); });
}

Napi::Value ModelObject::layers(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()),
                [](const LoadedModel& model) { return api().llama_model_n_layer(model.get()); });
}

Napi::Value ModelObject::bosId(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()),
                [](const LoadedModel& model) { return api().llama_vocab_bos(model.vocab()); });
}

Napi::Value ModelObject::eosId(const Napi::CallbackInfo& info) {
  return number(info.Env(), alive(info.Env()),
                [](const LoadedModel& model) { return api().llama_vocab_eos(model.vocab()); });
}

Napi::Value ModelObject::hasDecoder(const Napi::CallbackInfo& info) {
  const LoadedModel* model = alive(info.Env());
  return model ? Napi::Value(Napi::Boolean::New(info.Env(), model->scores())) : info.Env().Undefined();
}

Napi::Value ModelObject::addsBos(const Napi::CallbackInfo& info) {
  const LoadedModel* model = alive(info.Env());
  if (model == nullptr) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), api().llama_vocab_get_add_bos(model->vocab()));
}

Napi::Value ModelObject::metadata(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const LoadedModel* model = alive(env);
  if (model == nullptr) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    std::string value;
    if (!model->metadata(stringArgument(info, 0, "key"), value)) return env.Undefined();
    return Napi::String::New(env, value);
  });
}

Napi::Value ModelObject::tokenize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const LoadedModel* model = alive(env);
  if (model == nullptr) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<int32_t> ids = model->tokenize(stringArgument(info, 0, "text"), booleanArgument(info, 1),
                                                     booleanArgument(info, 2));
    return typedArray<Napi::Int32Array>(env, ids);
  });
}

Napi::Value ModelObject::pieces(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const LoadedModel* model = alive(env);
  if (model == nullptr) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<int32_t> ids = idsArgument(info, 0, "ids");
    const Napi::Array pieces = Napi::Array::New(env, ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string piece = model->piece(ids[i]);
      const std::vector<uint8_t> bytes(piece.begin(), piece.end());
      pieces.Set(static_cast<uint32_t>(i), typedArray<Napi::Uint8Array>(env, bytes));
    }
    return pieces;
  });
}

Napi::Value ModelObject::createScorer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (alive(env) == nullptr) return env.Undefined();
  return guarded(env, [&]() -> Napi::Value {
    return ScorerObject::create(env, std::make_shared<ScoringContext>(model_, contextOptions(info, 0)));
  });
}

Napi::Value ModelObject::free(const Napi::CallbackInfo& info) {
  // Scorers and their running jobs hold the model too.
  if (model_ && model_.use_count() > 1) {
    Napi::Error::New(info.Env(), "The model still has a scorer or a rollout engine: free those first.").ThrowAsJavaScriptException();
  } else {
    model_.reset();
  }
  return info.Env().Undefined();
}

}  // namespace forksight
