/**
 * Finds and loads the C++ add-on, and makes sure that it was built for the llama.cpp release that is installed.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Addon } from "./binding";

const FILE = "forksight.node";

/**
 * Loads `forksight.node`: beside the running bundle (dist/), else in the repository's dist/ where the sources run unbundled.
 * @param releaseFile node-llama-cpp's llama/binariesGithubRelease.json, if the caller knows where it lies
 * @throws Error naming what is missing, or the two releases that differ, and the command that mends it
 */
export function loadAddon(releaseFile?: string): Addon {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, FILE), join(here, "..", "..", "dist", FILE)];
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new Error(
      `The add-on ${FILE} is missing (looked at ${candidates.join(" and ")}). Build it with \`npm run build:native\`.`,
    );
  }
  const require = createRequire(import.meta.url);
  const addon = require(path) as Addon;
  const installed = installedRelease(require, releaseFile);
  if (installed !== undefined && installed !== addon.release) {
    throw new Error(
      `The add-on ${path} was built for llama.cpp ${addon.release}, but node-llama-cpp carries ${installed}. Build it again with \`npm run build:native\`.`,
    );
  }
  return addon;
}

/** The llama.cpp release of the installed node-llama-cpp; undefined where it cannot be found. */
function installedRelease(
  require: NodeJS.Require,
  releaseFile?: string,
): string | undefined {
  try {
    const path =
      releaseFile ??
      join(
        dirname(dirname(require.resolve("node-llama-cpp"))),
        "llama",
        "binariesGithubRelease.json",
      );
    const parsed = JSON.parse(readFileSync(path, "utf8")) as {
      release?: string;
    };
    return parsed.release;
  } catch {
    // open() compares the library's own version again.
    return undefined;
  }
}
