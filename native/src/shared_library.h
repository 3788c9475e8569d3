// dlopen and LoadLibrary under one name.
#pragma once

#include <filesystem>

namespace forksight {

/** A shared library that stays open for the rest of the process: back ends keep threads and driver state in it. */
class SharedLibrary {
 public:
  /** Throws std::runtime_error with the system's own words. */
  explicit SharedLibrary(const std::filesystem::path& path);
  /** Null where there is no such symbol. */
  void* symbol(const char* name) const;

 private:
  void* handle_;
};

}  // namespace forksight
