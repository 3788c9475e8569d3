/** Settings that stand in a run file and have no effect there: with another engine, reward or switch they would. */
import type { RunSettings } from "./settings";

export interface IgnoredSetting {
  /** `["trl", "processes"]`. */
  readonly path: readonly string[];
  /** Why it has no effect. */
  readonly message: string;
}

/**
 * @param written the settings as they were written, overrides included and defaults not
 * @param settings the same, checked
 */
export function ignoredSettings(
  written: unknown,
  settings: Pick<RunSettings, "engine" | "objective" | "reward">,
): IgnoredSetting[] {
  const { engine, objective, reward } = settings;
  const found: IgnoredSetting[] = [];
  const ignore = (path: readonly string[], message: string) => {
    if (isWritten(written, path)) found.push({ path, message });
  };
  if (engine === "embedded")
    ignore(["trl"], "not used: it is for the engines trl and ray");
  if (engine === "ray")
    ignore(
      ["trl", "processes"],
      "not used: with the engine ray, ray.workers counts the processes",
    );
  if (engine !== "ray") ignore(["ray"], "not used: it is for the engine ray");
  if (!objective.dynamicSampling)
    ignore(
      ["objective", "maxResamples"],
      "not used without objective.dynamicSampling",
    );
  if (reward.kind === "javascript")
    ignore(["reward", "python"], "not used: the reward is JavaScript");
  else if (reward.kind !== "python")
    for (const name of ["file", "timeoutSeconds", "python"])
      ignore(
        ["reward", name],
        `not used: the reward ${reward.kind} is built in`,
      );
  else if (engine !== "embedded")
    ignore(
      ["reward", "python"],
      "not used: the reward runs in the trainer's own Python",
    );
  return found;
}

function isWritten(written: unknown, path: readonly string[]): boolean {
  let at = written;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name))
      return false;
    at = (at as Record<string, unknown>)[name];
  }
  return true;
}
