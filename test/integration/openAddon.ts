import { fileURLToPath } from "node:url";
import type {
  Addon,
  Model,
  Scorer,
  ScorerOptions,
} from "../../native/addon/binding";
import { loadAddon } from "../../native/addon/load";

const FIXTURE = new URL("../fixtures/qwen3-f32/", import.meta.url);

/** A file of the fixture test/fixtures/qwen3-f32. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(name, FIXTURE));
}

/** The folder of node-llama-cpp's prebuilt libraries for this machine's CPU (Metal on Apple silicon). */
export function libraryFolder(): string {
  const { platform, arch } = process;
  const names: Partial<Record<string, string>> = {
    "linux-x64": "linux-x64",
    "linux-arm64": "linux-arm64",
    "darwin-arm64": "mac-arm64-metal",
    "darwin-x64": "mac-x64",
    "win32-x64": "win-x64",
    "win32-arm64": "win-arm64",
  };
  const name = names[`${platform}-${arch}`];
  if (name === undefined) {
    throw new Error(`node-llama-cpp has no libraries for ${platform} ${arch}.`);
  }
  return fileURLToPath(
    new URL(
      `../../node_modules/@node-llama-cpp/${name}/bins/${name}`,
      import.meta.url,
    ),
  );
}

/** The add-on with llama.cpp's CPU libraries opened. */
export function openAddon(): Addon {
  const addon = loadAddon();
  addon.open(libraryFolder());
  return addon;
}

/** A scorer with the tests' usual options: exact, on the host, one thread (ggml's threads spin where others want the cores too). */
export function makeScorer(
  model: Model,
  options: Partial<ScorerOptions> = {},
): Scorer {
  return model.createScorer({
    contextSize: 256,
    precision: "exact",
    threads: 1,
    reduce: "host",
    microBatch: 0,
    ...options,
  });
}
