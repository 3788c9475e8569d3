/** How many threads ggml can use without two of them sharing a core, where they would spin against each other. */
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, platform } from "node:os";

const SYSFS = "/sys/devices/system/cpu";

/** Physical cores that this process may use. Exact on Linux; elsewhere the processors that the system offers. */
export function physicalCores(): number {
  const offered = Math.max(1, availableParallelism());
  if (platform() !== "linux") return offered;
  try {
    const siblings = readdirSync(SYSFS)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) =>
        readFileSync(`${SYSFS}/${name}/topology/thread_siblings_list`, "utf8"),
      );
    const cores = new Set(siblings).size;
    return cores > 0 ? Math.min(cores, offered) : offered;
  } catch {
    return offered;
  }
}
