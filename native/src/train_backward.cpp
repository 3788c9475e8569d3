#include "train_backward.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "train_outer.h"

namespace forksight {
namespace {

using Node = ggml_tensor*;

/** Replaces nodes of a graph, front to back, and keeps views true to what they now look at. */
class Rewriter {
 public:
  Rewriter(const FrozenModel* model, Backward backward, ggml_context* context)
      : ggml_(trainingApi()), model_(model), backward_(backward), c_(context) {}

  void replace(Node node, Node by) { replaced_[node] = by; }
  Node now(Node node) const {
    for (auto found = replaced_.find(node); found != replaced_.end(); found = replaced_.find(node)) node = found->second;
    return node;
  }
  /** The gradient of a matrix may come transposed. */
  void mayTranspose(Node node) { mayTranspose_.insert(node); }
  bool isTransposed(Node node) const { return swapped_.count(node) > 0; }

  void run(ggml_cgraph* graph) {
    const int count = ggml_.ggml_graph_n_nodes(graph);
    std::vector<Node> nodes(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) nodes[static_cast<size_t>(i)] = ggml_.ggml_graph_node(graph, i);
    for (const Node node : nodes) {
      for (const Node source : node->src) {
        if (source) consumers_[source].push_back(node);
      }
    }
    for (const Node node : nodes) {
      if (replaced_.count(node)) continue;
      relink(node);
      const Node by = rewritten(node);
      if (by == nullptr) continue;
      replace(node, by);
      const auto& users = consumers_[node];
      if (by->op == GGML_OP_CUSTOM && users.size() == 1) onlyUser_[by] = users.front();
    }
  }

 private:
  void relink(Node node) {
    for (Node& source : node->src) {
      if (source) source = now(source);
    }
    if (!node->view_src || !node->src[0]) return;
    Node of = node->src[0];
    const bool isReshape = node->op == GGML_OP_RESHAPE;
    if ((isReshape || node->op == GGML_OP_VIEW) && !ggml_.ggml_is_contiguous(of)) {
      of = node->src[0] = ggml_.ggml_cont(c_, of);
    }
    if (node->op == GGML_OP_TRANSPOSE) {
      for (int i = 0; i < GGML_MAX_DIMS; ++i) node->nb[i] = of->nb[i];
      std::swap(node->nb[0], node->nb[1]);
    } else if (node->op == GGML_OP_PERMUTE) {
      int32_t axes[GGML_MAX_DIMS];
      std::memcpy(axes, node->op_params, sizeof axes);
      for (int i = 0; i < GGML_MAX_DIMS; ++i) node->nb[axes[i]] = of->nb[i];
    }
    size_t offset = 0;
    if (node->op == GGML_OP_VIEW) std::memcpy(&offset, node->op_params, sizeof offset);
    node->view_src = of->view_src ? of->view_src : of;
    node->view_offs = offset + (of->view_src ? of->view_offs : 0);
  }

  /** What takes the node's place, or null. */
  Node rewritten(Node node) {
    if (backward_ == Backward::plain) return nullptr;
    if (backward_ == Backward::matmul) return node->op == GGML_OP_OUT_PROD ? asMatMul(node) : nullptr;
    if (node->op == GGML_OP_OUT_PROD) return asTiled(node);
    if (node->op == GGML_OP_ADD) return asSum(node);
    if (node->op == GGML_OP_MUL_MAT && gainsFromTiles(node)) {
      return tiledOuterProduct(c_, ggml_.ggml_transpose(c_, uncopied(node->src[0])),
                               ggml_.ggml_transpose(c_, uncopied(node->src[1])));
    }
    return nullptr;
  }

  Node asMatMul(Node node) {
    const Node a = transposed(node->src[0]);
    const Node product = ggml_.ggml_mul_mat(c_, a, transposed(node->src[1]));
    if (a->type != GGML_TYPE_F32) ggml_.ggml_prec_set_acc(product, GGML_PREC_F32);
    return product;
  }

  Node transposed(Node node) {
    if (const Node copy = model_ ? model_->transposedOf(node) : nullptr) return copy;
    if (node->op == GGML_OP_TRANSPOSE) {
      return ggml_.ggml_is_contiguous(node->src[0]) ? node->src[0] : ggml_.ggml_cont(c_, node->src[0]);
    }
    return ggml_.ggml_cont(c_, ggml_.ggml_transpose(c_, node));
  }

  Node asTiled(Node node) {
    const Node a = uncopied(node->src[0]);
    const Node b = uncopied(node->src[1]);
    if (a->type != GGML_TYPE_F32) return tiledOuterProduct(c_, a, b);
    const auto& users = consumers_[node];
    // Who moves the second axis to the front wants it contiguous.
    const bool free = !users.empty() && std::all_of(users.begin(), users.end(), [](Node user) {
      int32_t axes[GGML_MAX_DIMS];
      std::memcpy(axes, user->op_params, sizeof axes);
      return user->op == GGML_OP_TRANSPOSE || (user->op == GGML_OP_PERMUTE && axes[1] == 0);
    });
    const bool may = free || (mayTranspose_.count(node) && b->ne[0] > a->ne[0]);
    if (!may) return tiledOuterProduct(c_, a, b);
    // The same product the other way round has the longer rows in front.
    const Node swapped = tiledOuterProduct(c_, b, a);
    if (!free) swapped_.insert(node);
    return free ? ggml_.ggml_transpose(c_, swapped) : swapped;
  }

  /** A sum with a tiled product that nobody else uses starts from the other summand instead of zero. */
  Node asSum(Node node) {
    for (const int i : {1, 0}) {
      const Node product = node->src[i], other = node->src[1 - i];
      const auto single = onlyUser_.find(product);
      if (single == onlyUser_.end() || single->second != node || product->src[2] != nullptr) continue;
      if (other == product || !sameLayout(product, other)) continue;
      return tiledOuterProduct(c_, product->src[0], product->src[1], other);
    }
    return nullptr;
  }

  static bool sameLayout(Node a, Node b) {
    return b->type == GGML_TYPE_F32 && std::equal(a->ne, a->ne + GGML_MAX_DIMS, b->ne) &&
           std::equal(a->nb, a->nb + GGML_MAX_DIMS, b->nb);
  }

  /** Tiles are faster than ggml's own MUL_MAT in F32 (about twice, by perf), but for a few columns not worth their packing. */
  bool gainsFromTiles(Node node) const {
    const Node a = node->src[0];
    return a->type == GGML_TYPE_F32 && node->src[1]->type == GGML_TYPE_F32 && node->ne[2] == a->ne[2] &&
           node->ne[3] == a->ne[3] && node->ne[1] >= 4;
  }

  /** Tiles take any strides: what CONT only made contiguous is not needed. */
  Node uncopied(Node node) const {
    return node->op == GGML_OP_CONT && node->src[0]->type == GGML_TYPE_F32 ? node->src[0] : node;
  }

  const TrainingApi& ggml_;
  const FrozenModel* model_;
  Backward backward_;
  ggml_context* c_;
  std::unordered_map<Node, Node> replaced_;
  std::unordered_map<Node, std::vector<Node>> consumers_;
  /** The one node that uses a tiled product. */
  std::unordered_map<Node, Node> onlyUser_;
  std::unordered_set<Node> mayTranspose_;
  std::unordered_set<Node> swapped_;
};

}  // namespace

void differentiate(const FrozenModel& model, LoraParameters& lora, Backward backward, size_t capacity,
                   TrainGraph& to) {
  const TrainingApi& ggml = trainingApi();
  ggml_context* c = to.context.get();
  Node logits = to.logits.front();
  const Node weights = ggml.ggml_new_tensor_2d(c, GGML_TYPE_F32, logits->ne[0], logits->ne[1]);
  const Node loss = ggml.ggml_sum(c, ggml.ggml_mul(c, logits, weights));
  ggml.ggml_set_loss(loss);
  ggml_cgraph* all = ggml.ggml_new_graph_custom(c, capacity, true);
  ggml.ggml_build_forward_expand(all, loss);
  ggml.ggml_build_backward_expand(c, all, nullptr);

  Rewriter rewriter(&model, backward, c);
  rewriter.replace(ggml.ggml_graph_get_grad(all, logits), logits);
  for (const LoraMatrix& matrix : lora.matrices()) {
    rewriter.mayTranspose(ggml.ggml_graph_get_grad(all, matrix.tensor));
  }
  rewriter.run(all);

  logits = to.logits.front() = rewriter.now(logits);
  to.graph = ggml.ggml_new_graph_custom(c, capacity, false);
  ggml.ggml_set_output(logits);
  ggml.ggml_build_forward_expand(to.graph, logits);
  // From the last layer to the first, as the gradients come about: so that memory is given back early.
  for (auto matrix = lora.matrices().rbegin(); matrix != lora.matrices().rend(); ++matrix) {
    const Node made = ggml.ggml_graph_get_grad(all, matrix->tensor);
    const Node node = rewriter.now(made);
    ggml.ggml_set_output(node);
    ggml.ggml_build_forward_expand(to.graph, node);
    to.gradients.push_back({&*matrix, node, rewriter.isTransposed(made)});
  }
}

void useTiledForward(TrainGraph& to, size_t capacity) {
  const TrainingApi& ggml = trainingApi();
  Rewriter rewriter(nullptr, Backward::tiled, to.context.get());
  ggml_cgraph* plain = to.graph;
  rewriter.run(plain);
  to.graph = ggml.ggml_new_graph_custom(to.context.get(), capacity, false);
  for (int i = 0; i < ggml.ggml_graph_n_nodes(plain); ++i) {
    const Node node = ggml.ggml_graph_node(plain, i);
    // The consumers of the logits are the graph's ends; the rest follows from them, in their order.
    if (node->op == GGML_OP_SCALE && node->ne[0] == 1) ggml.ggml_build_forward_expand(to.graph, rewriter.now(node));
  }
  for (Node& logits : to.logits) logits = rewriter.now(logits);
}

}  // namespace forksight
