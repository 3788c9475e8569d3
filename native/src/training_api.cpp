#include "training_api.h"

namespace forksight {

const TrainingApi& trainingApi() {
  // A static that throws while it is made is tried again at the next call.
  static const TrainingApi resolved = [] {
    TrainingApi all;
#define FORKSIGHT_RESOLVE(name) all.name = reinterpret_cast<decltype(all.name)>(resolveFunction(#name));
    FORKSIGHT_TRAINING_FUNCTIONS(FORKSIGHT_RESOLVE)
#undef FORKSIGHT_RESOLVE
    static_cast<LlamaApi&>(all) = api();
    return all;
  }();
  return resolved;
}

}  // namespace forksight
