#include "shared_library.h"

#include <stdexcept>
#include <string>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace forksight {

#ifdef _WIN32

SharedLibrary::SharedLibrary(const std::filesystem::path& path)
    // Its own folder is searched for what it depends on, so that llama.dll finds ggml.dll beside it.
    : handle_(LoadLibraryExW(path.c_str(), nullptr,
                             LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS)) {
  if (handle_ == nullptr) {
    throw std::runtime_error("The library " + path.u8string() + " does not load (Windows error " +
                             std::to_string(GetLastError()) + ").");
  }
}

void* SharedLibrary::symbol(const char* name) const {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), name));
}

#else

SharedLibrary::SharedLibrary(const std::filesystem::path& path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) {
    const char* reason = dlerror();
    throw std::runtime_error("The library " + path.u8string() +
                             " does not load: " + (reason ? reason : "unknown reason"));
  }
}

void* SharedLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

#endif

}  // namespace forksight
