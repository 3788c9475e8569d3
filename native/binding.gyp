{
  "targets": [
    {
      "target_name": "forksight",
      "sources": [
        "src/addon.cpp",
        "src/arguments.cpp",
        "src/device_reducer.cpp",
        "src/frozen_model.cpp",
        "src/job.cpp",
        "src/kernel_object.cpp",
        "src/llama_api.cpp",
        "src/loaded_model.cpp",
        "src/lora_adapter.cpp",
        "src/lora_parameters.cpp",
        "src/model_object.cpp",
        "src/objective_call.cpp",
        "src/physical_cores.cpp",
        "src/reduce.cpp",
        "src/rollout_engine.cpp",
        "src/rollout_lane.cpp",
        "src/rollout_sampler.cpp",
        "src/rollouts_object.cpp",
        "src/row_passes.cpp",
        "src/row_pool.cpp",
        "src/scorer_object.cpp",
        "src/scoring_context.cpp",
        "src/shared_library.cpp",
        "src/token_batch.cpp",
        "src/train_backward.cpp",
        "src/train_graph.cpp",
        "src/train_kernel.cpp",
        "src/train_outer.cpp",
        "src/training_api.cpp"
      ],
      "include_dirs": [
        "headers/include",
        "headers/ggml/include",
        "../node_modules/node-addon-api"
      ],
      "defines": [
        "NAPI_VERSION=8",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "FORKSIGHT_LLAMA_RELEASE=\"<(llama_release)\""
      ],
      "variables": { "llama_release%": "" },
      "conditions": [
        [
          "OS=='win'",
          {
            "defines": ["NOMINMAX", "_HAS_EXCEPTIONS=1"],
            "msvs_settings": {
              "VCCLCompilerTool": {
                "AdditionalOptions": ["/std:c++17", "/utf-8", "/fp:precise"],
                "ExceptionHandling": 1,
                "Optimization": 2,
                "RuntimeTypeInfo": "true"
              }
            }
          }
        ],
        [
          "OS=='mac'",
          {
            "xcode_settings": {
              "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
              "CLANG_CXX_LIBRARY": "libc++",
              "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
              "GCC_ENABLE_CPP_RTTI": "YES",
              "GCC_OPTIMIZATION_LEVEL": "3",
              "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
              "MACOSX_DEPLOYMENT_TARGET": "11.0",
              "OTHER_CPLUSPLUSFLAGS": ["-Wno-psabi"]
            }
          }
        ],
        [
          "OS=='linux'",
          {
            "cflags_cc": [
              "-std=c++17",
              "-O3",
              "-fvisibility=hidden",
              "-Wall",
              "-Wextra",
              "-Wno-psabi",
              "-Wno-unused-parameter",
              "-fexceptions",
              "-frtti"
            ],
            "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
            "ldflags": ["-Wl,--exclude-libs,ALL"],
            "libraries": ["-ldl", "-lpthread"]
          }
        ]
      ]
    }
  ]
}
