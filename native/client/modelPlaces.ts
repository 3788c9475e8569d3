import { homedir } from "node:os";
import { join } from "node:path";

/** Whose folder a model was found in. */
export type ModelSource =
  "folder" | "lmStudio" | "ollama" | "llamaCpp" | "huggingFace";

/** What decides where the caches lie. */
export interface Surroundings {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
}

export interface ModelPlace {
  readonly source: ModelSource;
  readonly folder: string;
}

/** The folders to be searched, the configured ones first; they need not be there. */
export function knownPlaces(
  folders: readonly string[],
  surroundings: Surroundings = {
    home: homedir(),
    env: process.env,
    platform: process.platform,
  },
): ModelPlace[] {
  const { home, env, platform } = surroundings;
  const set = (name: string): string | undefined => {
    const value = env[name];
    return value === undefined || value === "" ? undefined : value;
  };
  const cache = set("XDG_CACHE_HOME") ?? join(home, ".cache");
  const all = (
    source: ModelSource,
    paths: readonly (string | undefined)[],
  ): ModelPlace[] =>
    paths.flatMap((folder) => (folder === undefined ? [] : { source, folder }));

  const llamaCpp =
    platform === "darwin"
      ? join(home, "Library", "Caches", "llama.cpp")
      : platform === "win32"
        ? join(
            set("LOCALAPPDATA") ?? join(home, "AppData", "Local"),
            "llama.cpp",
          )
        : join(cache, "llama.cpp");
  const hfHome = set("HF_HOME");
  return [
    ...all("folder", folders),
    ...all("lmStudio", [
      join(home, ".lmstudio", "models"),
      join(home, ".cache", "lm-studio", "models"),
    ]),
    ...all("ollama", [
      set("OLLAMA_MODELS") ?? join(home, ".ollama", "models"),
      // Where Linux runs it as a service.
      platform === "linux" ? "/usr/share/ollama/.ollama/models" : undefined,
    ]),
    ...all("llamaCpp", [set("LLAMA_CACHE") ?? llamaCpp]),
    ...all("huggingFace", [
      set("HF_HUB_CACHE") ??
        (hfHome === undefined
          ? join(cache, "huggingface", "hub")
          : join(hfHome, "hub")),
    ]),
  ];
}
