/** Settings of several runs side by side: what differs, by dotted name. */

/** A setting in which runs differ. */
export interface SettingsDifference {
  /** Dotted, such as `mask.rho`. */
  readonly name: string;
  /** A value a run, as JSON without quotes around text; null where a run has no such setting. */
  readonly values: readonly (string | null)[];
}

/** Settings may come from anywhere: so deep, and so many, at most. */
const DEPTH_LIMIT = 8;
const NAME_LIMIT = 2000;

/** The settings in which runs differ, in the order in which they first appear. */
export function settingsDiff(
  runs: readonly Readonly<Record<string, unknown>>[],
): SettingsDifference[] {
  const flat = runs.map(flatSettings);
  const names = new Set(flat.flatMap((one) => [...one.keys()]));
  return [...names]
    .map((name) => ({
      name,
      values: flat.map((one) => one.get(name) ?? null),
    }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** All settings by dotted name. Lists are one value. */
export function flatSettings(
  settings: Readonly<Record<string, unknown>>,
): Map<string, string> {
  const flat = new Map<string, string>();
  const visit = (value: unknown, name: string, depth: number) => {
    if (flat.size >= NAME_LIMIT || value === undefined) return;
    const isGroup =
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length > 0 &&
      depth < DEPTH_LIMIT;
    if (isGroup)
      for (const [key, one] of Object.entries(value))
        visit(one, name === "" ? key : `${name}.${key}`, depth + 1);
    else flat.set(name, typeof value === "string" ? value : stringOf(value));
  };
  visit(settings, "", 0);
  return flat;
}

function stringOf(value: unknown): string {
  return JSON.stringify(value) ?? "";
}
