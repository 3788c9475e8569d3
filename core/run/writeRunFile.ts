/** Writes run files: YAML that a person goes on with. */
import {
  Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  Scalar,
} from "yaml";
import { sameValue, valueAt, type WrittenSettings } from "./runForm";
import {
  choiceMeaning,
  SETTING_FIELDS,
  type SettingField,
} from "./settingFields";

/** Written even where they have their default: what one looks for first in a run. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  "engine",
  "reward.kind",
  "rollout.promptsPerStep",
  "rollout.groupSize",
  "rollout.maxTokens",
  "mask.kind",
  "mask.rho",
  "optimizer.learningRate",
  "steps",
  "seed",
]);

const HEADER =
  " A training run of Forksight. Paths are relative to this file; what is left out has its default.";

/** Longest comment behind a value, in characters. */
const COMMENT_LIMIT = 90;

/**
 * The text of a run file.
 * @param written what differs from the defaults, paths as they shall stand in the file
 * @param previous the file's text until now, which must parse: its comments, order and unknown settings stay
 */
export function writeRunFile(
  written: WrittenSettings,
  previous?: string,
): string {
  const document =
    previous === undefined ? new Document({}) : parseDocument(previous);
  if (!isMap(document.contents)) document.contents = document.createNode({});
  const isNew = previous === undefined;
  for (const field of SETTING_FIELDS) {
    const path = field.name.split(".");
    const value = valueAt(written, field.name) ?? field.default;
    const isSaid = document.hasIn(path);
    if (isSaid && sameValue(valueAt(document.toJS(), field.name), value))
      continue;
    const isNeeded =
      isSaid ||
      !sameValue(value, field.default) ||
      (isNew && ESSENTIAL.has(field.name));
    if (!isNeeded) continue;
    if (value === undefined) remove(document, path);
    else put(document, field, value);
  }
  if (isNew) {
    document.commentBefore = HEADER;
    spaceOut(document);
  }
  return document.toString({
    lineWidth: 0,
    flowCollectionPadding: false,
  });
}

function put(document: Document, field: SettingField, value: unknown): void {
  const path = field.name.split(".");
  const before = document.getIn(path, true);
  const node = document.createNode(value);
  if (isCollection(node)) node.flow = Array.isArray(value);
  const comment =
    isNode(before) && before.comment
      ? before.comment
      : isScalar(before) || field.kind === "sets"
        ? undefined
        : commentOf(field, value);
  if (comment !== undefined) node.comment = comment;
  document.setIn(path, node);
}

/** Removes a setting, and the sections that are then empty: an empty one may be more than none. */
function remove(document: Document, path: readonly string[]): void {
  document.deleteIn(path);
  const section = path.slice(0, -1);
  if (section.length === 0) return;
  const left = document.getIn(section);
  if (isMap(left) && left.items.length === 0) remove(document, section);
}

/** A blank line before each section and behind it. */
function spaceOut(document: Document): void {
  if (!isMap(document.contents)) return;
  let wasSection = false;
  for (const pair of document.contents.items) {
    const isSection = isMap(pair.value);
    const key = isScalar(pair.key) ? pair.key : new Scalar(pair.key);
    key.spaceBefore = isSection || wasSection;
    pair.key = key;
    wasSection = isSection;
  }
}

/** What a value means, in a few words; undefined where the schema has none that short. */
export function commentOf(
  { description, kind }: SettingField,
  value: unknown,
): string | undefined {
  const meaning =
    kind === "choice" ? choiceMeaning(description, String(value)) : undefined;
  const whole = (meaning ?? description).replaceAll("`", "");
  const short = [
    whole,
    whole.split(/(?<=[.)])\s/)[0]!,
    whole.split(/[:;.]\s/)[0]!,
  ]
    .map((text) => text.replace(/\.$/, ""))
    .find((text) => text.length <= COMMENT_LIMIT);
  return short === undefined || short === "" ? undefined : ` ${short}`;
}
