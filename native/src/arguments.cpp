#include "arguments.h"

#include <cmath>

#include "failure.h"

namespace forksight {
namespace {

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsObject()) throw Failure(kBadInput, std::string(name) + " must be an object.");
  return info[index].As<Napi::Object>();
}

std::string stringMember(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined() || value.IsNull()) return "";
  if (!value.IsString()) throw Failure(kBadInput, std::string(name) + " must be a string.");
  return value.As<Napi::String>();
}

}  // namespace

std::string stringArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) throw Failure(kBadInput, std::string(name) + " must be a string.");
  return info[index].As<Napi::String>();
}

bool booleanArgument(const Napi::CallbackInfo& info, size_t index) { return info[index].ToBoolean(); }

std::vector<int32_t> idsArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Failure(kBadInput, std::string(name) + " must be an Int32Array.");
  }
  const auto array = info[index].As<Napi::Int32Array>();
  return std::vector<int32_t>(array.Data(), array.Data() + array.ElementLength());
}

double numberMember(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) throw Failure(kBadInput, std::string(name) + " must be a number.");
  return value.As<Napi::Number>().DoubleValue();
}

size_t countMember(const Napi::Object& object, const char* name) {
  const double number = numberMember(object, name);
  if (!(number >= 0 && number <= 2147483647.0) || number != std::floor(number)) {
    throw Failure(kBadInput, std::string(name) + " must be a whole number, 0 or more.");
  }
  return static_cast<size_t>(number);
}

ContextOptions contextOptions(const Napi::CallbackInfo& info, size_t index) {
  const Napi::Object object = objectArgument(info, index, "options");
  ContextOptions options = {};
  options.contextSize = countMember(object, "contextSize");
  if (options.contextSize < 8) throw Failure(kBadInput, "contextSize must be at least 8 tokens.");
  const std::string precision = stringMember(object, "precision");
  if (precision != "fast" && precision != "exact") {
    throw Failure(kBadInput, "precision must be \"fast\" or \"exact\".");
  }
  options.exact = precision == "exact";
  options.threads = static_cast<int>(countMember(object, "threads"));
  if (options.threads > 512) throw Failure(kBadInput, "threads must be at most 512.");
  options.adapterPath = stringMember(object, "adapterPath");
  const std::string reduce = stringMember(object, "reduce");
  if (reduce == "auto") {
    options.reduce = Reduce::automatic;
  } else if (reduce == "device") {
    options.reduce = Reduce::device;
  } else if (reduce == "host") {
    options.reduce = Reduce::host;
  } else {
    throw Failure(kBadInput, "reduce must be \"auto\", \"device\" or \"host\".");
  }
  options.microBatch = countMember(object, "microBatch");
  return options;
}

ScoreRequest scoreRequest(const Napi::CallbackInfo& info) {
  ScoreRequest request = {};
  request.ids = idsArgument(info, 0, "ids");
  const Napi::Object options = objectArgument(info, 1, "options");
  request.temperature = numberMember(options, "temperature");
  request.topK = countMember(options, "topK");
  request.from = countMember(options, "from");
  return request;
}

}  // namespace forksight
