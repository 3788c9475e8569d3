import * as vscode from "vscode";
import { isAbort } from "../../native/client/engineError";
import { readSettings } from "../configuration";
import type { Engine } from "../engine/engine";
import { bytes } from "./modelItems";

/** What an address may look like; the engine checks it again, more closely. */
const ADDRESS = /^(hf:[^\s/]+\/\S+|https:\/\/\S+\.gguf)$/i;

/**
 * Asks for an address and downloads the model, with progress and a Cancel button.
 * @param ownFolder where downloads go while no folder of models is configured
 * @returns its path; undefined where the user gave up
 * @throws EngineError
 */
export async function downloadModel(
  engine: Engine,
  ownFolder: string,
): Promise<string | undefined> {
  const folder = readSettings().modelFolders[0] ?? ownFolder;
  const typed = await vscode.window.showInputBox({
    title: "Download a model",
    prompt: `A GGUF file on Hugging Face, or an https address of one. It is written to ${folder}.`,
    placeHolder: "hf:Qwen/Qwen3-0.6B-GGUF:Q8_0",
    ignoreFocusOut: true,
    validateInput: (value) =>
      ADDRESS.test(value.trim())
        ? undefined
        : "Write hf:owner/repository/file.gguf, hf:owner/repository:Q4_K_M, or https://....gguf",
  });
  const address = typed?.trim();
  if (address === undefined || address === "") return undefined;
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Forksight: downloading ${address}`,
      cancellable: true,
    },
    async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      let shown = 0;
      try {
        const { path } = await engine.request(
          "downloadModel",
          { address, folder },
          {
            signal: abort.signal,
            onProgress: ({ done, total }) => {
              const percent = total > 0 ? (100 * done) / total : 0;
              progress.report({
                message: `${bytes(done)} of ${bytes(total)}`,
                increment: Math.max(0, percent - shown),
              });
              shown = Math.max(shown, percent);
            },
          },
        );
        return path;
      } catch (error) {
        if (isAbort(error)) return undefined;
        throw error;
      }
    },
  );
}
