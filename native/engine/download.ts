import { mkdirSync } from "node:fs";
import { EngineFailure } from "./failure";

/** What the part of node-llama-cpp's downloader that we use looks like. */
export interface ModelDownload {
  download(options: { signal: AbortSignal }): Promise<string>;
}

export type MakeDownload = (options: {
  modelUri: string;
  dirPath: string;
  onProgress: (status: { totalSize: number; downloadedSize: number }) => void;
}) => Promise<ModelDownload>;

const HUGGING_FACE = /^hf:[^/\s]+\/[^/\s:]+(?:[/:]\S+)?$/;

/** Whether an address is one that `downloadModel` takes; else what is wrong with it. */
export function addressProblem(address: string): string | undefined {
  if (address.startsWith("hf:")) {
    return HUGGING_FACE.test(address)
      ? undefined
      : "A Hugging Face address reads hf:owner/repository/file.gguf or hf:owner/repository:Q4_K_M.";
  }
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return "An address begins with hf: or https:.";
  }
  if (url.protocol !== "https:") {
    return `Only hf: and https: addresses are downloaded, not ${url.protocol}`;
  }
  return url.pathname.toLowerCase().endsWith(".gguf")
    ? undefined
    : "An https address must end with .gguf.";
}

/**
 * Downloads a model through node-llama-cpp into `folder`: under a temporary name first, parts of a split model
 * together. Only ever called because the user asked.
 * @returns absolute path of the model, or of its first part
 * @throws EngineFailure badInput for an address that cannot be meant, retry for a download that failed
 */
export async function downloadModel(
  address: string,
  folder: string,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
  makeDownload: MakeDownload = nodeLlamaCppDownload,
): Promise<string> {
  const problem = addressProblem(address);
  if (problem !== undefined) {
    throw new EngineFailure(
      "badInput",
      `Cannot download "${address}". ${problem}`,
      "none",
    );
  }
  try {
    mkdirSync(folder, { recursive: true });
    const download = await makeDownload({
      modelUri: address,
      dirPath: folder,
      onProgress: ({ downloadedSize, totalSize }) => {
        onProgress(downloadedSize, totalSize);
      },
    });
    return await download.download({ signal });
  } catch (error) {
    if (signal.aborted) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineFailure(
      "badInput",
      `The download of ${address} to ${folder} failed: ${reason}. Check the address, the connection and the free space, and try again.`,
      "retry",
    );
  }
}

const nodeLlamaCppDownload: MakeDownload = async (options) => {
  const { createModelDownloader } = await import("node-llama-cpp");
  return createModelDownloader({
    ...options,
    showCliProgress: false,
    deleteTempFileOnCancel: true,
  });
};
