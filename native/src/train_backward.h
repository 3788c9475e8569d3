// From ggml's automatic differentiation to a graph that runs fast on the back end at hand.
#pragma once

#include "train_graph.h"

namespace forksight {

/**
 * Adds the backward pass behind `to.logits` (one node) and fills `to.graph` and `to.gradients`.
 *
 * ggml differentiates sum(logits * G); the node that it makes for dLoss/dlogits is then replaced by the logits' own
 * memory, which the caller overwrites in the middle of the run, so the loss, G and their products never exist. The
 * other nodes are rewritten as `backward` says; each rewriting gives the same numbers up to rounding (the tests hold
 * all three against each other and against finite differences).
 */
void differentiate(const FrozenModel& model, LoraParameters& lora, Backward backward, size_t capacity,
                   TrainGraph& to);

/** The rewriting of Backward::tiled for a graph without a backward pass. */
void useTiledForward(TrainGraph& to, size_t capacity);

}  // namespace forksight
