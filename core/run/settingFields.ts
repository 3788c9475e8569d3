/**
 * The settings of a run file one by one, as forms and completion need them. All of it comes from the published schema:
 * names, limits, defaults and texts are written once, in settings.ts.
 */
import { runJsonSchema } from "./jsonSchema";

/** The part of JSON schema that settings.ts uses. */
export interface SettingSchema {
  readonly type?:
    "object" | "string" | "integer" | "number" | "boolean" | "array";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly required?: readonly string[];
  readonly items?: SettingSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/**
 * text, path: a string. integer, number. choice: one of `choices`. flag: yes or no. choices: some of `choices`.
 * sets: files by name.
 */
export type FieldKind =
  | "text"
  | "path"
  | "integer"
  | "number"
  | "choice"
  | "flag"
  | "choices"
  | "sets";

/** A setting that holds a value and no further settings. */
export interface SettingField {
  /** Dotted, `mask.rho`. */
  readonly name: string;
  readonly kind: FieldKind;
  /** For a person, in plain text with `names` in backticks. */
  readonly description: string;
  readonly choices: readonly string[];
  /** undefined where a run file has to give it, or may leave it out without anything in its place. */
  readonly default: unknown;
  /** `0 to 1`, `above 0`; empty where anything goes. */
  readonly limits: string;
}

/** Settings that name a file or a folder; `data.eval` names several. Relative paths are relative to the run file. */
export const PATH_FIELDS = ["model", "data.train", "reward.file"] as const;

/** Beyond this a limit only keeps a number finite, and says nothing to a person. */
const TELLING = 1e6;

const ROOT = runJsonSchema() as SettingSchema;

/** The schema of a setting or section, [] for the whole; undefined where there is none. */
export function schemaAt(path: readonly string[]): SettingSchema | undefined {
  let at: SettingSchema | undefined = ROOT;
  for (const name of path) {
    const inside: SettingSchema["properties"] = at?.properties;
    at = inside && Object.hasOwn(inside, name) ? inside[name] : undefined;
  }
  return at;
}

/** Every setting, in the schema's order. */
export const SETTING_FIELDS: readonly SettingField[] = fieldsIn(ROOT, []);

const BY_NAME = new Map(SETTING_FIELDS.map((field) => [field.name, field]));

export function fieldNamed(name: string): SettingField | undefined {
  return BY_NAME.get(name);
}

/**
 * What a description says of one choice: descriptions read `kept: this. all: that.` or `Which: all; the top ...`.
 * undefined where it says nothing of it by name.
 */
export function choiceMeaning(
  description: string,
  choice: string,
): string | undefined {
  const sentences = description.split(/(?<=\.)\s+/);
  const start = sentences.findIndex((one) => one.startsWith(`${choice}: `));
  if (start < 0) return undefined;
  return sentences[start]!.slice(choice.length + 2);
}

/** `mask.rho` reads "rho", `rollout.promptsPerStep` "Prompts per step". */
export function labelOf(name: string): string {
  const words = name
    .split(".")
    .at(-1)!
    .replace(
      /([a-z])([A-Z])/g,
      (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
    )
    .replace(/([a-z])(\d)/, "$1 $2");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function fieldsIn(
  schema: SettingSchema,
  path: readonly string[],
): SettingField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const names = [...path, key];
    if (inner.properties !== undefined) return fieldsIn(inner, names);
    const name = names.join(".");
    return [
      {
        name,
        kind: kindOf(inner, name),
        description: inner.description ?? "",
        choices: inner.enum ?? inner.items?.enum ?? [],
        default: inner.default,
        limits: limitsOf(inner),
      },
    ];
  });
}

function kindOf(schema: SettingSchema, name: string): FieldKind {
  if (schema.enum !== undefined) return "choice";
  switch (schema.type) {
    case "integer":
    case "number":
      return schema.type;
    case "boolean":
      return "flag";
    case "array":
      return "choices";
    case "object":
      return "sets";
    default:
      return PATH_FIELDS.some((one) => one === name) ? "path" : "text";
  }
}

function limitsOf(schema: SettingSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const from =
    exclusiveMinimum !== undefined
      ? `above ${exclusiveMinimum}`
      : minimum !== undefined
        ? `${minimum}`
        : "";
  const to =
    exclusiveMaximum !== undefined
      ? `below ${exclusiveMaximum}`
      : maximum !== undefined && maximum < TELLING
        ? `${maximum}`
        : "";
  if (to === "")
    return from === "" || from.startsWith("above") ? from : `from ${from}`;
  return from === "" ? `at most ${to}` : `${from} to ${to}`;
}
