// The functions of llama.h and ggml that the add-on calls, resolved at run time.
//
// Nothing is linked: the libraries' names differ by back end (libllama.v0.5.0.so, libllama.vulkan.v0.5.0.so, ...), so
// they are opened by pattern in the folder that node-llama-cpp chose. Each pointer has the type that the header
// declares (decltype), so a header of another release does not compile into a wrong call.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "ggml.h"
#include "llama.h"

#define FORKSIGHT_LLAMA_FUNCTIONS(X)      \
  X(ggml_backend_buft_get_device)         \
  X(ggml_backend_dev_count)               \
  X(ggml_backend_dev_description)         \
  X(ggml_backend_dev_get)                 \
  X(ggml_backend_dev_memory)              \
  X(ggml_backend_dev_name)                \
  X(ggml_backend_dev_supports_op)         \
  X(ggml_backend_dev_type)                \
  X(ggml_backend_load_all_from_path)      \
  X(ggml_backend_tensor_set)              \
  X(ggml_build_forward_expand)            \
  X(ggml_concat)                          \
  X(ggml_free)                            \
  X(ggml_get_rows)                        \
  X(ggml_graph_n_nodes)                   \
  X(ggml_graph_node)                      \
  X(ggml_graph_overhead)                  \
  X(ggml_init)                            \
  X(ggml_log)                             \
  X(ggml_mul)                             \
  X(ggml_new_graph)                       \
  X(ggml_new_tensor_1d)                   \
  X(ggml_new_tensor_2d)                   \
  X(ggml_op_desc)                         \
  X(ggml_reshape_1d)                      \
  X(ggml_reshape_2d)                      \
  X(ggml_reshape_3d)                      \
  X(ggml_scale)                           \
  X(ggml_scale_bias)                      \
  X(ggml_set_input)                       \
  X(ggml_soft_max)                        \
  X(ggml_step)                            \
  X(ggml_sub)                             \
  X(ggml_sum_rows)                        \
  X(ggml_tensor_overhead)                 \
  X(ggml_top_k)                           \
  X(ggml_view_1d)                         \
  X(ggml_view_2d)                         \
  X(llama_adapter_lora_free)              \
  X(llama_adapter_lora_init)              \
  X(llama_backend_init)                   \
  X(llama_context_default_params)         \
  X(llama_decode)                         \
  X(llama_free)                           \
  X(llama_get_logits)                     \
  X(llama_get_memory)                     \
  X(llama_get_sampled_candidates_ith)     \
  X(llama_get_sampled_probs_count_ith)    \
  X(llama_get_sampled_probs_ith)          \
  X(llama_init_from_model)                \
  X(llama_log_set)                        \
  X(llama_memory_clear)                   \
  X(llama_memory_seq_rm)                  \
  X(llama_model_default_params)           \
  X(llama_model_desc)                     \
  X(llama_model_free)                     \
  X(llama_model_get_vocab)                \
  X(llama_model_has_decoder)              \
  X(llama_model_has_encoder)              \
  X(llama_model_is_diffusion)             \
  X(llama_model_load_from_file)           \
  X(llama_model_meta_val_str)             \
  X(llama_model_n_ctx_train)              \
  X(llama_model_n_layer)                  \
  X(llama_model_n_params)                 \
  X(llama_n_batch)                        \
  X(llama_n_ctx)                          \
  X(llama_print_system_info)              \
  X(llama_sampler_chain_add)              \
  X(llama_sampler_chain_default_params)   \
  X(llama_sampler_chain_init)             \
  X(llama_sampler_free)                   \
  X(llama_sampler_init)                   \
  X(llama_set_abort_callback)             \
  X(llama_set_adapters_lora)              \
  X(llama_set_sampler)                    \
  X(llama_synchronize)                    \
  X(llama_token_to_piece)                 \
  X(llama_tokenize)                       \
  X(llama_version)                        \
  X(llama_vocab_bos)                      \
  X(llama_vocab_eos)                      \
  X(llama_vocab_get_add_bos)              \
  X(llama_vocab_n_tokens)

namespace forksight {

struct LlamaApi {
#define FORKSIGHT_MEMBER(name) decltype(&::name) name = nullptr;
  FORKSIGHT_LLAMA_FUNCTIONS(FORKSIGHT_MEMBER)
#undef FORKSIGHT_MEMBER
};

/** The resolved functions; every pointer is null until `openLibraries` succeeded. */
const LlamaApi& api();

/**
 * Opens the libraries in `folder` (UTF-8), resolves the functions and registers the back ends found there.
 * Throws std::runtime_error with a message for the user: the library or symbol that is missing, or two releases that differ.
 */
void openLibraries(const std::string& folder);

/**
 * One more function of the opened libraries, for parts that need functions of their own (the training kernel).
 * Throws std::runtime_error naming the function that is missing, or saying that `openLibraries` was not called.
 */
void* resolveFunction(const char* name);

/** The folder given to `openLibraries`, or an empty string. */
const std::string& openedFolder();

/** The release of llama.cpp whose headers the add-on was compiled with, for example `v0.5.0`. */
const char* builtForRelease();

/**
 * Collects what llama.cpp logs as an error while it lives; one at a time matters, the latest wins.
 * llama.cpp's log callback is global, and node-llama-cpp sets it too, so it is set anew by each capture.
 */
class LogCapture {
 public:
  LogCapture();
  /** The distinct error lines so far, joined; `otherwise` where llama.cpp said nothing. */
  std::string errors(const std::string& otherwise) const;
};

}  // namespace forksight
