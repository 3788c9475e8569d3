#pragma once

#include <napi.h>

namespace forksight {

/** The classes of one JavaScript environment. */
struct AddonData {
  Napi::FunctionReference model;
  Napi::FunctionReference scorer;
  Napi::FunctionReference kernel;
  Napi::FunctionReference rollouts;
};

}  // namespace forksight
