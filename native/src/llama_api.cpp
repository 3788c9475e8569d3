#include "llama_api.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <stdexcept>

#include "shared_library.h"

#ifndef FORKSIGHT_LLAMA_RELEASE
#error "scripts/build-native.mjs passes FORKSIGHT_LLAMA_RELEASE: the release whose headers are compiled in"
#endif

namespace forksight {
namespace {

namespace fs = std::filesystem;

LlamaApi g_api;
std::string g_folder;

struct Library {
  std::string what;
  std::regex pattern;
};

/** In the order in which they depend on each other; the names of Linux, macOS and Windows. */
const std::vector<Library>& libraries() {
  static const std::vector<Library> list = {
      {"ggml-base", std::regex(R"(^(lib)?ggml-base(\.[^-]*)?\.(so|dylib|dll)$)")},
      {"ggml", std::regex(R"(^(lib)?ggml(\.[^-]*)?\.(so|dylib|dll)$)")},
      {"llama", std::regex(R"(^(lib)?llama(\.[^-]*)?\.(so|dylib|dll)$)")},
  };
  return list;
}

fs::path findLibrary(const fs::path& folder, const Library& library) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (std::regex_match(it->path().filename().u8string(), library.pattern)) found.push_back(it->path());
  }
  if (found.empty()) {
    throw std::runtime_error("There is no library " + library.what + " of llama.cpp in " + folder.u8string() +
                             ". Reinstall node-llama-cpp, or choose another back end.");
  }
  return *std::min_element(found.begin(), found.end());
}

/** "0.5.0" of "v0.5.0", "0.5.0-dev". */
std::string plainVersion(const std::string& release) {
  static const std::regex digits(R"((\d+)(\.\d+)*)");
  std::smatch match;
  return std::regex_search(release, match, digits) ? match.str() : release;
}

std::vector<SharedLibrary> g_opened;

void* find(const std::vector<SharedLibrary>& opened, const std::string& folder, const char* name) {
  // From the last: libllama's own symbols first.
  for (auto it = opened.rbegin(); it != opened.rend(); ++it) {
    if (void* symbol = it->symbol(name)) return symbol;
  }
  throw std::runtime_error("llama.cpp in " + folder + " lacks the function " + name + ": it is not the release " +
                           builtForRelease() +
                           " that Forksight was built for. Run `npm ci` and `npm run build:native` again.");
}

std::mutex g_logMutex;
std::vector<std::string> g_errors;
ggml_log_level g_lastLevel = GGML_LOG_LEVEL_NONE;

void onLog(ggml_log_level level, const char* text, void*) {
  const std::lock_guard<std::mutex> lock(g_logMutex);
  const bool continues = level == GGML_LOG_LEVEL_CONT;
  if (!continues) g_lastLevel = level;
  if (g_lastLevel != GGML_LOG_LEVEL_ERROR || g_errors.size() > 64) return;
  if (continues && !g_errors.empty()) {
    g_errors.back() += text;
  } else {
    g_errors.emplace_back(text);
  }
}

/** Without the name of llama.cpp's function in front and the line break behind. */
std::string tidy(const std::string& line) {
  static const std::regex function(R"(^[A-Za-z_][\w:~]*: )");
  std::string text = std::regex_replace(line, function, "");
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

const LlamaApi& api() { return g_api; }

void* resolveFunction(const char* name) {
  if (g_opened.empty()) throw std::runtime_error("llama.cpp's libraries have not been opened.");
  return find(g_opened, g_folder, name);
}

const std::string& openedFolder() { return g_folder; }

const char* builtForRelease() { return FORKSIGHT_LLAMA_RELEASE; }

void openLibraries(const std::string& folder) {
  const fs::path path = fs::u8path(folder);
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw std::runtime_error("There is no folder " + folder + " with llama.cpp's libraries. Reinstall node-llama-cpp.");
  }
  std::vector<SharedLibrary> opened;
  for (const Library& library : libraries()) opened.emplace_back(findLibrary(path, library));

  LlamaApi resolved;
  const auto resolve = [&](const char* name) { return find(opened, folder, name); };
#define FORKSIGHT_RESOLVE(name) resolved.name = reinterpret_cast<decltype(resolved.name)>(resolve(#name));
  FORKSIGHT_LLAMA_FUNCTIONS(FORKSIGHT_RESOLVE)
#undef FORKSIGHT_RESOLVE

  const std::string version = resolved.llama_version();
  if (plainVersion(version) != plainVersion(builtForRelease())) {
    throw std::runtime_error("llama.cpp in " + folder + " is release " + version + ", but Forksight was built for " +
                             builtForRelease() + ". Run `npm ci` and `npm run build:native` again.");
  }

  g_api = resolved;
  g_folder = folder;
  g_opened = opened;
  const LogCapture capture;
  // node-llama-cpp may have registered the back ends of these same libraries already: twice would list each device twice.
  if (g_api.ggml_backend_dev_count() == 0) g_api.ggml_backend_load_all_from_path(folder.c_str());
  if (g_api.ggml_backend_dev_count() == 0) {
    throw std::runtime_error(capture.errors("No back end of llama.cpp in " + folder +
                                            " runs on this machine. Choose another one (setting forksight.gpu)."));
  }
  g_api.llama_backend_init();
}

LogCapture::LogCapture() {
  {
    const std::lock_guard<std::mutex> lock(g_logMutex);
    g_errors.clear();
  }
  g_api.llama_log_set(onLog, nullptr);
}

std::string LogCapture::errors(const std::string& otherwise) const {
  const std::lock_guard<std::mutex> lock(g_logMutex);
  std::vector<std::string> lines;
  for (const std::string& raw : g_errors) {
    const std::string line = tidy(raw);
    const bool saysNothing = line.empty() || line == "failed to load model" || line == "exiting";
    if (!saysNothing && std::find(lines.begin(), lines.end(), line) == lines.end() && lines.size() < 3) {
      lines.push_back(line);
    }
  }
  if (lines.empty()) return otherwise;
  std::string joined;
  for (const std::string& line : lines) joined += (joined.empty() ? "" : "; ") + line;
  return joined;
}

}  // namespace forksight
