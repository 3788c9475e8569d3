// The functions that training and rollouts call beside those of llama_api.h; resolved at first use.
#pragma once

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "gguf.h"
#include "llama_api.h"

#define FORKSIGHT_TRAINING_FUNCTIONS(X)   \
  X(ggml_add)                             \
  X(ggml_backend_alloc_ctx_tensors)       \
  X(ggml_backend_buffer_free)             \
  X(ggml_backend_buffer_get_size)         \
  X(ggml_backend_buffer_is_host)          \
  X(ggml_backend_buffer_set_usage)        \
  X(ggml_backend_dev_backend_reg)         \
  X(ggml_backend_dev_by_name)             \
  X(ggml_backend_dev_by_type)             \
  X(ggml_backend_get_device)              \
  X(ggml_backend_dev_init)                \
  X(ggml_backend_free)                    \
  X(ggml_backend_reg_get_proc_address)    \
  X(ggml_backend_sched_alloc_graph)       \
  X(ggml_backend_sched_free)              \
  X(ggml_backend_sched_get_tensor_backend)\
  X(ggml_backend_sched_graph_compute)     \
  X(ggml_backend_sched_new)               \
  X(ggml_backend_sched_reset)             \
  X(ggml_backend_sched_set_eval_callback) \
  X(ggml_backend_tensor_get)              \
  X(ggml_blck_size)                       \
  X(ggml_build_backward_expand)           \
  X(ggml_cont)                            \
  X(ggml_custom_4d)                       \
  X(ggml_fp32_to_fp16_row)                \
  X(ggml_get_first_tensor)                \
  X(ggml_get_next_tensor)                 \
  X(ggml_get_tensor)                      \
  X(ggml_get_type_traits)                 \
  X(ggml_graph_get_grad)                  \
  X(ggml_graph_overhead_custom)           \
  X(ggml_is_contiguous)                   \
  X(ggml_mul_mat)                         \
  X(ggml_prec_set_acc)                    \
  X(ggml_nbytes)                          \
  X(ggml_nelements)                       \
  X(ggml_new_graph_custom)                \
  X(ggml_permute)                         \
  X(ggml_reshape_4d)                      \
  X(ggml_rms_norm)                        \
  X(ggml_rope_ext)                        \
  X(ggml_row_size)                        \
  X(ggml_set_loss)                        \
  X(ggml_set_name)                        \
  X(ggml_set_output)                      \
  X(ggml_set_param)                       \
  X(ggml_soft_max_ext)                    \
  X(ggml_sum)                             \
  X(ggml_swiglu_split)                    \
  X(ggml_transpose)                       \
  X(ggml_type_name)                       \
  X(gguf_add_tensor)                      \
  X(gguf_find_key)                        \
  X(gguf_find_tensor)                     \
  X(gguf_free)                            \
  X(gguf_get_data_offset)                 \
  X(gguf_get_kv_type)                     \
  X(gguf_get_n_tensors)                   \
  X(gguf_get_tensor_name)                 \
  X(gguf_get_tensor_offset)               \
  X(gguf_get_tensor_size)                 \
  X(gguf_get_val_f32)                     \
  X(gguf_get_val_str)                     \
  X(gguf_get_val_u32)                     \
  X(gguf_init_empty)                      \
  X(gguf_init_from_file)                  \
  X(gguf_set_tensor_data)                 \
  X(gguf_set_val_f32)                     \
  X(gguf_set_val_str)                     \
  X(gguf_set_val_u32)                     \
  X(gguf_write_to_file)                   \
  X(llama_get_logits_ith)                 \
  X(llama_memory_seq_cp)                  \
  X(llama_n_ctx_seq)

namespace forksight {

/** Everything of `LlamaApi`, and what training needs. */
struct TrainingApi : LlamaApi {
#define FORKSIGHT_MEMBER(name) decltype(&::name) name = nullptr;
  FORKSIGHT_TRAINING_FUNCTIONS(FORKSIGHT_MEMBER)
#undef FORKSIGHT_MEMBER
};

/** Throws std::runtime_error where `openLibraries` was not called or a function is missing. */
const TrainingApi& trainingApi();

/** Frees what gguf and ggml made; for std::unique_ptr. */
struct GgmlFree {
  void operator()(ggml_context* context) const { trainingApi().ggml_free(context); }
  void operator()(gguf_context* context) const { trainingApi().gguf_free(context); }
  void operator()(ggml_backend_buffer* buffer) const { trainingApi().ggml_backend_buffer_free(buffer); }
  void operator()(ggml_backend* backEnd) const { trainingApi().ggml_backend_free(backEnd); }
  void operator()(ggml_backend_sched* scheduler) const { trainingApi().ggml_backend_sched_free(scheduler); }
};

}  // namespace forksight
