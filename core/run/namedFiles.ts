import { isMap, isScalar, parseDocument } from "yaml";
import { readsLikeHubId } from "./runPaths";
import { PATH_FIELDS } from "./settingFields";

/** A file that a run file names, and where in it. */
export interface NamedFile {
  /** Dotted name of the setting. */
  readonly field: string;
  /** As written; relative to the run file. */
  readonly path: string;
  /** Where it is no file here, it is a model's id on Hugging Face. */
  readonly mayBeHubId: boolean;
  /** UTF-16 offsets in the run file's text. */
  readonly start: number;
  readonly end: number;
}

/** The files that a run file names; none of a text that is no YAML. */
export function namedFiles(text: string): NamedFile[] {
  const document = parseDocument(text);
  if (document.errors.length > 0) return [];
  const engine = document.get("engine");
  const at = (names: readonly string[]): NamedFile[] => {
    const node = document.getIn(names, true);
    if (!isScalar(node) || typeof node.value !== "string" || !node.range)
      return [];
    const [start, end] = node.range;
    const field = names.join(".");
    const mayBeHubId =
      field === "model" && readsLikeHubId({ engine, model: node.value });
    return [{ field, path: node.value, mayBeHubId, start, end }];
  };
  const held = document.getIn(["data", "eval"]);
  const sets = isMap(held)
    ? held.items.flatMap(({ key }) =>
        isScalar(key) ? [String(key.value)] : [],
      )
    : [];
  return [
    ...PATH_FIELDS.flatMap((field) => at(field.split("."))),
    ...sets.flatMap((set) => at(["data", "eval", set])),
  ];
}
