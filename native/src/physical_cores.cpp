#include "physical_cores.h"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <sched.h>

#include <fstream>
#include <set>
#include <string>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <vector>
#endif

namespace forksight {
namespace {

size_t countCores() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) return static_cast<size_t>(CPU_COUNT(&allowed));
    cores.insert(siblings);
  }
  return cores.size();
#elif defined(__APPLE__)
  // The performance cores where the chip has two kinds.
  for (const char* name : {"hw.perflevel0.physicalcpu", "hw.physicalcpu"}) {
    int count = 0;
    size_t size = sizeof count;
    if (sysctlbyname(name, &count, &size, nullptr, 0) == 0 && count > 0) return static_cast<size_t>(count);
  }
  return 0;
#elif defined(_WIN32)
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  std::vector<SYSTEM_LOGICAL_PROCESSOR_INFORMATION> list(bytes / sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION));
  if (list.empty() || !GetLogicalProcessorInformation(list.data(), &bytes)) return 0;
  return static_cast<size_t>(std::count_if(list.begin(), list.end(), [](const auto& entry) {
    return entry.Relationship == RelationProcessorCore;
  }));
#else
  return 0;
#endif
}

}  // namespace

size_t physicalCores() {
  const size_t cores = countCores();
  return cores > 0 ? cores : std::max<size_t>(1, std::thread::hardware_concurrency() / 2);
}

}  // namespace forksight
