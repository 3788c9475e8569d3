import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  mapPaths,
  type NamesFiles,
  readsLikeHubId,
} from "../../core/run/runPaths";

/** Settings with every path absolute, counted from `folder`; a model that is a Hugging Face id stays one. */
export function absolutePaths<T extends NamesFiles>(
  settings: T,
  folder: string,
): T {
  const absolute = mapPaths(settings, (path) => resolve(folder, path));
  return namesHubModel(settings, folder)
    ? { ...absolute, model: settings.model }
    : absolute;
}

/** Whether the model is to be fetched from Hugging Face. @param folder what relative paths count from */
export function namesHubModel(settings: NamesFiles, folder: string): boolean {
  return (
    readsLikeHubId(settings) &&
    !existsSync(resolve(folder, settings.model as string))
  );
}
