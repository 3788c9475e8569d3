import { existsSync, readdirSync } from "node:fs";
import { arch, platform } from "node:os";
import { join } from "node:path";
import type { GgufFileInfo, Llama, LlamaGpuType } from "node-llama-cpp";
import type {
  EngineConfiguration,
  GpuChoice,
} from "../../core/engine/protocol";
import { EngineFailure } from "./failure";

/** Where the GPU was asked for: the editor's setting, or a run file's. */
export type GpuSetting = "forksight.gpu" | "gpu in the run file";

/** The back end that a process uses from its first model to its end. */
export interface BackEnd {
  /** Folder of llama.cpp's shared libraries, for `Addon.open`. */
  readonly libraryFolder: string;
  readonly kind: "cpu" | "cuda" | "vulkan" | "metal";
  /** Whether this llama.cpp has an architecture; undefined where it cannot be asked. */
  readonly knowsArchitecture: (name: string) => Promise<boolean | undefined>;
}

const PLATFORM_NAMES: Readonly<Record<string, string>> = {
  linux: "linux",
  darwin: "mac",
  win32: "win",
};

/** Name of node-llama-cpp's package, and of the folder in it, for a back end on this platform. */
export function packageName(
  kind: BackEnd["kind"],
  system: string = platform(),
  processor: string = arch(),
): string {
  const base = `${PLATFORM_NAMES[system] ?? system}-${processor === "arm" ? "armv7l" : processor}`;
  // Apple's processors have one package, with Metal in it.
  if (base === "mac-arm64") {
    return "mac-arm64-metal";
  }
  return kind === "cpu" ? base : `${base}-${kind}`;
}

/**
 * Chooses the back end. node-llama-cpp finds out what this machine has (it tries a doubtful library in a process of
 * its own first); CUDA's libraries, where the user had them installed, are taken from their folder.
 * @param setting names the GPU setting in errors
 * @throws EngineFailure noBackEnd where a GPU was asked for that is not there, or there are no libraries at all
 */
export async function chooseBackEnd(
  { gpu, cudaFolder }: Pick<EngineConfiguration, "gpu" | "cudaFolder">,
  setting: GpuSetting,
): Promise<BackEnd> {
  if (gpu === "auto" || gpu === "cuda") {
    const folder = installedCuda(cudaFolder);
    if (folder !== undefined) {
      return {
        libraryFolder: folder,
        kind: "cuda",
        knowsArchitecture: () => Promise.resolve(undefined),
      };
    }
  }
  // The CPU is there without asking: node-llama-cpp takes a second to load and to look around.
  const llama = gpu === "off" ? undefined : await probe(gpu);
  if (llama === undefined && gpu !== "off") {
    throw noBackEnd(gpu, setting);
  }
  const kind = llama === undefined || llama.gpu === false ? "cpu" : llama.gpu;
  const libraryFolder = await packageFolder(packageName(kind));
  if (libraryFolder === undefined) {
    throw noBackEnd(gpu, setting);
  }
  return {
    libraryFolder,
    kind,
    knowsArchitecture: architectureTable(
      llama === undefined ? () => probe("off") : () => Promise.resolve(llama),
    ),
  };
}

/** Where `installCuda` put the libraries, or undefined where they are not there. */
export function installedCuda(
  cudaFolder: string | undefined,
): string | undefined {
  if (cudaFolder === undefined) {
    return undefined;
  }
  const folder = join(cudaFolder, packageName("cuda"));
  return existsSync(folder) &&
    readdirSync(folder).some((name) => name.includes("ggml-cuda"))
    ? folder
    : undefined;
}

/** Asks node-llama-cpp which back end works here; nothing is initialised, built or downloaded. */
async function probe(gpu: GpuChoice): Promise<Llama | undefined> {
  const { getLlama, LlamaLogLevel } = await import("node-llama-cpp");
  const choice: LlamaGpuType | "auto" = gpu === "off" ? false : gpu;
  try {
    return await getLlama({
      gpu: choice,
      dryRun: true,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      logLevel: LlamaLogLevel.error,
    });
  } catch {
    return undefined;
  }
}

/**
 * The folder of a platform package, or undefined where it is not installed. package.json's `overrides` put a stand-in
 * in the place of packages that are too large for a first install; it has no `getBinsDir`.
 */
async function packageFolder(name: string): Promise<string | undefined> {
  const specifier = `@node-llama-cpp/${name}`;
  try {
    const found = (await import(specifier)) as {
      getBinsDir?: () => { binsDir: string };
    };
    const folder = found.getBinsDir?.().binsDir;
    return folder === undefined ? undefined : join(folder, name);
  } catch {
    return undefined;
  }
}

/** Insights answer from the architecture's name alone; the file itself is read by our own reader. */
function architectureTable(
  open: () => Promise<Llama | undefined>,
): BackEnd["knowsArchitecture"] {
  let opened: Promise<Llama | undefined> | undefined;
  return async (name) => {
    opened ??= open();
    const llama = await opened;
    if (llama === undefined) {
      return undefined;
    }
    const { GgufInsights } = await import("node-llama-cpp");
    const info = {
      metadata: { general: { architecture: name } },
      architectureMetadata: {},
      fullTensorInfo: [],
      sourceData: [],
    } as unknown as GgufFileInfo;
    return (await GgufInsights.from(info, llama)).isSupportedByLlamaCpp;
  };
}

function noBackEnd(gpu: GpuChoice, setting: GpuSetting): EngineFailure {
  const system = `${platform()} ${arch()}`;
  if (gpu === "off" || gpu === "auto") {
    return new EngineFailure(
      "noBackEnd",
      `There are no llama.cpp libraries for ${system} in this installation. Install Forksight anew for this platform.`,
      "none",
    );
  }
  // The trainer does not take what that command installs.
  const help =
    gpu === "cuda" && setting === "forksight.gpu"
      ? `Run "Forksight: Install CUDA Back End", or set ${setting} to "auto" or "off".`
      : `Set ${setting} to "auto" or "off".`;
  return new EngineFailure(
    "noBackEnd",
    `${setting} asks for ${gpu}, and no ${gpu} back end works on this machine (${system}). ${help}`,
    "turnGpuOff",
  );
}
