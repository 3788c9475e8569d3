// JavaScript values to C++ and back. What is wrong with an argument is thrown as Failure and becomes a JavaScript
// exception in `guarded`: node-addon-api itself is built without C++ exceptions.
#pragma once

#include <napi.h>

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "job.h"
#include "scoring_context.h"

namespace forksight {

/** Calls `body`; a C++ exception becomes a JavaScript one. */
template <typename Body>
Napi::Value guarded(Napi::Env env, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    toError(env, error).ThrowAsJavaScriptException();
  }
  return env.Undefined();
}

std::string stringArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
bool booleanArgument(const Napi::CallbackInfo& info, size_t index);
std::vector<int32_t> idsArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
/** A member that is an integer from 0 to 2^31 - 1. */
size_t countMember(const Napi::Object& object, const char* name);
double numberMember(const Napi::Object& object, const char* name);
/** ScorerOptions at `index`. */
ContextOptions contextOptions(const Napi::CallbackInfo& info, size_t index);
/** (ids, ScoreOptions) */
ScoreRequest scoreRequest(const Napi::CallbackInfo& info);

/** A typed array with a copy of `values`: Electron forbids memory that is not V8's own. */
template <typename Array, typename T>
Array typedArray(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

}  // namespace forksight
