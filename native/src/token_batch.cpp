#include "token_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "failure.h"

namespace forksight {

void checkBatch(const TokenBatch& batch, int32_t vocabulary) {
  const auto refuse = [](const std::string& why) { throw Failure(kBadInput, "The batch does not fit: " + why + "."); };
  const auto& [ids, offsets, targets, temperature] = batch;
  if (!(temperature > 0) || !std::isfinite(temperature)) refuse("its temperature must be above 0");
  const auto tokens = static_cast<int32_t>(ids.size());
  if (ids.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) refuse("it has too many tokens");
  if (offsets.size() < 2 || offsets.front() != 0 || offsets.back() != tokens) {
    refuse("offsets must start at 0 and end at the number of ids, " + std::to_string(tokens));
  }
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    if (offsets[s + 1] <= offsets[s]) refuse("sequence " + std::to_string(s) + " is empty");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocabulary) {
      refuse("id " + std::to_string(ids[i]) + " at " + std::to_string(i) + " is outside the vocabulary");
    }
  }
  if (targets.empty()) refuse("it has no target");
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0 || targets[i] >= tokens || (i > 0 && targets[i] <= targets[i - 1])) {
      refuse("targets must be rising indices into ids");
    }
    if (std::binary_search(offsets.begin(), offsets.end(), targets[i])) {
      refuse("target " + std::to_string(targets[i]) + " is the first of its sequence and has no predecessor");
    }
  }
}

std::vector<BatchPart> splitBatch(const TokenBatch& batch, size_t most) {
  const auto& [ids, offsets, targets, temperature] = batch;
  struct Sequence {
    int32_t from;
    int32_t to;
    size_t firstTarget;
    size_t targets;
  };
  std::vector<Sequence> wanted;
  size_t target = 0, tokens = 0;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const size_t first = target;
    while (target < targets.size() && targets[target] < offsets[s + 1]) ++target;
    if (target == first) continue;
    wanted.push_back({offsets[s], offsets[s + 1], first, target - first});
    tokens += static_cast<size_t>(offsets[s + 1] - offsets[s]);
  }
  const size_t count = std::min(most, wanted.size());
  std::vector<BatchPart> parts;
  size_t given = 0;
  for (const Sequence& sequence : wanted) {
    const size_t left = wanted.size() - static_cast<size_t>(&sequence - wanted.data());
    // The next part begins where its share of the tokens does, or where each sequence left is needed to fill one.
    const bool due = parts.size() < count && (given * count >= tokens * parts.size() || left + parts.size() <= count);
    if (due) {
      parts.push_back({{{}, {0}, {}, temperature}, sequence.firstTarget});
    }
    TokenBatch& own = parts.back().batch;
    const auto start = static_cast<int32_t>(own.ids.size());
    own.ids.insert(own.ids.end(), ids.begin() + sequence.from, ids.begin() + sequence.to);
    own.offsets.push_back(static_cast<int32_t>(own.ids.size()));
    for (size_t i = 0; i < sequence.targets; ++i) {
      own.targets.push_back(targets[sequence.firstTarget + i] - sequence.from + start);
    }
    given += static_cast<size_t>(sequence.to - sequence.from);
  }
  return parts;
}

}  // namespace forksight
