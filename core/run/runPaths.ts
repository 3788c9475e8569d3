/** The files that a run's settings name. */

/** A Hugging Face model's id, `owner/name`; forksight_trl/run_file.py has the same. */
const HUB_ID = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** Whether `model` is a Hugging Face id where no such file is there: the embedded engine knows none. */
export function readsLikeHubId({ engine, model }: NamesFiles): boolean {
  return (
    (engine === "trl" || engine === "ray") &&
    typeof model === "string" &&
    HUB_ID.test(model) &&
    !model.endsWith(".gguf")
  );
}

export interface NamesFiles {
  readonly engine?: unknown;
  readonly model?: unknown;
  readonly data?: unknown;
  readonly reward?: unknown;
}

/**
 * Settings with every path replaced: `model`, `data.train`, `data.eval.*` and `reward.file`. What is no text, as in a run
 * file that does not hold yet, stays as it is.
 */
export function mapPaths<T extends NamesFiles>(
  settings: T,
  replace: (path: string) => string,
): T {
  const at = (value: unknown) =>
    typeof value === "string" && value !== "" ? replace(value) : value;
  const within = (
    section: unknown,
    change: (values: Record<string, unknown>) => Record<string, unknown>,
  ) => {
    if (!isMapping(section)) return section;
    return { ...section, ...change(section) };
  };
  return {
    ...settings,
    ...("model" in settings && { model: at(settings.model) }),
    ...("data" in settings && {
      data: within(settings.data, (data) => ({
        ...("train" in data && { train: at(data.train) }),
        ...(isMapping(data.eval) && {
          eval: Object.fromEntries(
            Object.entries(data.eval).map(([name, path]) => [name, at(path)]),
          ),
        }),
      })),
    }),
    ...("reward" in settings && {
      reward: within(settings.reward, (reward) => ({
        ...("file" in reward && { file: at(reward.file) }),
      })),
    }),
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
