#include "device_reducer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

namespace forksight {
namespace {

size_t widthOf(size_t kept) { return 3 + 2 * kept; }

const char* samplerName(const llama_sampler*) { return "forksight-reduce"; }
// The rest of a chain would sample from what is left; nothing is.
void applyNothing(llama_sampler*, llama_token_data_array*) {}
// The reducer owns itself.
void freeNothing(llama_sampler*) {}

}  // namespace

bool DeviceReducer::fits(int32_t vocabulary, size_t topK) {
  // Beyond some hundreds a partial sort on the device and its copy gain nothing over the host.
  constexpr size_t kMostOnDevice = 1024;
  return topK <= kMostOnDevice && widthOf(std::max<size_t>(topK, 1)) <= static_cast<size_t>(vocabulary);
}

DeviceReducer::DeviceReducer(int32_t vocabulary, double temperature, size_t topK)
    : vocabulary_(vocabulary),
      temperature_(temperature),
      topK_(topK),
      kept_(std::max<size_t>(topK, 1)),
      width_(widthOf(kept_)),
      rowsPerChunk_(std::max<size_t>(1, static_cast<size_t>(vocabulary) / width_)),
      chain_(nullptr) {
  static llama_sampler_i functions = [] {
    llama_sampler_i it = {};
    it.name = samplerName;
    it.apply = applyNothing;
    it.free = freeNothing;
    it.backend_init = onInit;
    it.backend_apply = onApply;
    it.backend_set_input = onSetInput;
    it.backend_reset = onReset;
    return it;
  }();
  chain_ = api().llama_sampler_chain_init(api().llama_sampler_chain_default_params());
  api().llama_sampler_chain_add(chain_, api().llama_sampler_init(&functions, this));
}

DeviceReducer::~DeviceReducer() { api().llama_sampler_free(chain_); }

void DeviceReducer::setTargets(const int32_t* targets, size_t rows) { targets_.assign(targets, targets + rows); }

bool DeviceReducer::onInit(llama_sampler* sampler, ggml_backend_buffer_type_t type, uint32_t) {
  auto* self = static_cast<DeviceReducer*>(sampler->ctx);
  // Null for the CPU, which runs every operator of ggml.
  if (ggml_backend_dev_t device = api().ggml_backend_buft_get_device(type)) self->checkDevice(device);
  return true;
}

/** Builds the graph at its real width and asks the device for each operator. */
void DeviceReducer::checkDevice(ggml_backend_dev_t device) {
  const size_t nodes = 64;
  ggml_init_params params = {};
  params.mem_size = nodes * api().ggml_tensor_overhead() + api().ggml_graph_overhead();
  params.no_alloc = true;
  ggml_context* context = api().ggml_init(params);
  ggml_cgraph* graph = api().ggml_new_graph(context);
  ggml_tensor* logits = api().ggml_new_tensor_2d(context, GGML_TYPE_F32, vocabulary_, 4);
  const Packed packed = build(context, logits);
  api().ggml_build_forward_expand(graph, packed.floats);
  api().ggml_build_forward_expand(graph, packed.ids);
  for (int i = 0; i < api().ggml_graph_n_nodes(graph); ++i) {
    ggml_tensor* node = api().ggml_graph_node(graph, i);
    if (!api().ggml_backend_dev_supports_op(device, node)) {
      unsupported_ = std::string(api().ggml_backend_dev_name(device)) + " cannot run " + api().ggml_op_desc(node) +
                     " for a vocabulary of " + std::to_string(vocabulary_);
      break;
    }
  }
  api().ggml_free(context);
}

void DeviceReducer::onReset(llama_sampler* sampler) {
  auto* self = static_cast<DeviceReducer*>(sampler->ctx);
  self->packed_ = {};
  self->nextRow_ = 0;
}

void DeviceReducer::onSetInput(llama_sampler* sampler) {
  auto* self = static_cast<DeviceReducer*>(sampler->ctx);
  ggml_tensor* tensor = self->packed_.targets;
  if (tensor == nullptr || tensor->buffer == nullptr || self->targets_.size() != self->packed_.rows) return;
  api().ggml_backend_tensor_set(tensor, self->targets_.data(), 0, self->targets_.size() * sizeof(int32_t));
}

void DeviceReducer::onApply(llama_sampler* sampler, ggml_context* context, ggml_cgraph*, llama_sampler_data* data) {
  auto* self = static_cast<DeviceReducer*>(sampler->ctx);
  if (self->packed_.floats == nullptr) {
    ggml_tensor* row = data->logits;
    // llama.cpp pads the logits by one row; without a source (its own probe of a sampler) there is the one row.
    ggml_tensor* all = row->view_src;
    ggml_tensor* rows = all != nullptr && all->ne[1] > 1
                            ? api().ggml_view_2d(context, all, all->ne[0], all->ne[1] - 1, all->nb[1], 0)
                            : api().ggml_reshape_2d(context, row, row->ne[0], 1);
    self->packed_ = self->build(context, rows);
  }
  const size_t row = self->nextRow_++;
  // Neither the logits nor anything else of this row goes to the host.
  data->logits = nullptr;
  if (row % self->rowsPerChunk_ != 0 || row >= self->packed_.rows) return;
  const size_t count = std::min(self->rowsPerChunk_, self->packed_.rows - row);
  ggml_tensor* floats = self->packed_.floats;
  ggml_tensor* ids = self->packed_.ids;
  data->probs = api().ggml_view_1d(context, floats, static_cast<int64_t>(count * self->width_), row * floats->nb[1]);
  data->candidates = api().ggml_view_1d(context, ids, static_cast<int64_t>(count * self->kept_), row * ids->nb[1]);
}

/** @param logits [vocabulary, rows] */
DeviceReducer::Packed DeviceReducer::build(ggml_context* context, ggml_tensor* logits) const {
  const LlamaApi& g = api();
  const int64_t n = logits->ne[0], rows = logits->ne[1];
  // llama.cpp probes a sampler with a vocabulary of its own choice.
  const auto kept = static_cast<int64_t>(std::min<size_t>(kept_, static_cast<size_t>(n)));
  ggml_tensor* z = temperature_ == 1.0 ? logits : g.ggml_scale(context, logits, static_cast<float>(1.0 / temperature_));
  ggml_tensor* p = g.ggml_soft_max(context, z);
  // p ln p, with 0 ln 0 = 0: the bias keeps the logarithm finite and is below half an ulp of any p that counts.
  ggml_tensor* logP = g.ggml_log(context, g.ggml_scale_bias(context, p, 1.0f, 1e-30f));
  ggml_tensor* entropy = g.ggml_scale(context, g.ggml_sum_rows(context, g.ggml_mul(context, p, logP)), -1.0f);

  Packed packed;
  packed.rows = static_cast<size_t>(rows);
  packed.targets = g.ggml_new_tensor_1d(context, GGML_TYPE_I32, rows);
  g.ggml_set_input(packed.targets);
  // get_rows on [1, vocabulary, rows] picks single logits.
  ggml_tensor* columns = g.ggml_reshape_3d(context, z, 1, n, rows);
  ggml_tensor* target = g.ggml_reshape_2d(
      context, g.ggml_get_rows(context, columns, g.ggml_reshape_2d(context, packed.targets, 1, rows)), 1, rows);
  ggml_tensor* greater = g.ggml_sum_rows(context, g.ggml_step(context, g.ggml_sub(context, z, target)));

  packed.ids = g.ggml_top_k(context, z, static_cast<int>(kept));
  ggml_tensor* topZ = g.ggml_reshape_2d(context, g.ggml_get_rows(context, columns, packed.ids), kept, rows);
  ggml_tensor* probabilities = g.ggml_reshape_3d(context, p, 1, n, rows);
  ggml_tensor* topP = g.ggml_reshape_2d(context, g.ggml_get_rows(context, probabilities, packed.ids), kept, rows);

  ggml_tensor* single = g.ggml_concat(context, g.ggml_concat(context, entropy, target, 0), greater, 0);
  packed.floats = g.ggml_concat(context, single, g.ggml_concat(context, topZ, topP, 0), 0);
  return packed;
}

bool DeviceReducer::unpack(const float* packed, const int32_t* ids, const RowOut& out) const {
  const float* topZ = packed + 3;
  const float* topP = topZ + kept_;
  std::vector<size_t> order(kept_);
  std::iota(order.begin(), order.end(), size_t{0});
  // ggml_top_k returns them in no particular order.
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return topZ[a] > topZ[b] || (topZ[a] == topZ[b] && ids[a] < ids[b]);
  });
  const double largest = topZ[order[0]];
  const double probability = topP[order[0]];
  if (!std::isfinite(packed[0]) || !std::isfinite(largest) || !(probability > 0)) return false;
  // ln S from the most probable token, whose probability is never rounded to nothing.
  const double logSum = largest - std::log(probability);
  *out.entropy = std::max(0.0f, packed[0]);
  *out.logprob = static_cast<float>(packed[1] - logSum);
  *out.rank = static_cast<uint32_t>(packed[2]) + 1;
  for (size_t i = 0; i < topK_; ++i) {
    out.topIds[i] = ids[order[i]];
    out.topLogprobs[i] = static_cast<float>(topZ[order[i]] - logSum);
  }
  return true;
}

}  // namespace forksight
