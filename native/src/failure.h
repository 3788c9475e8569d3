// Errors that reach the user, with the code that the engine maps to an action.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace forksight {

/** `code` becomes the JavaScript error's `code`; binding.ts lists them. */
class Failure : public std::runtime_error {
 public:
  Failure(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

constexpr const char* kBadModel = "BAD_MODEL";
constexpr const char* kUnsupportedModel = "UNSUPPORTED_MODEL";
constexpr const char* kOutOfMemory = "OUT_OF_MEMORY";
constexpr const char* kBadInput = "BAD_INPUT";
constexpr const char* kNoBackEnd = "NO_BACK_END";
constexpr const char* kDecodeFailed = "DECODE_FAILED";
constexpr const char* kAborted = "ABORT_ERR";

}  // namespace forksight
