/** Writes run files: YAML that a person goes on with. */
import {
  Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parse,
  parseDocument,
  Scalar,
  visit,
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
  const isNew = previous === undefined;
  const text = isNew ? "" : replaceValues(previous, written);
  const document = isNew ? new Document({}) : parseDocument(text);
  if (!isMap(document.contents)) document.contents = document.createNode({});
  const changes = changesOf(document, written, isNew);
  if (changes.length === 0) return text;
  keepLineComments(document, text);
  for (const { field, value } of changes) {
    if (value === undefined) remove(document, field.name.split("."));
    else put(document, field, value);
  }
  if (isNew) {
    document.commentBefore = HEADER;
    spaceOut(document);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

interface Change {
  readonly field: SettingField;
  /** undefined where the setting shall go. */
  readonly value: unknown;
}

/** What a document does not say yet. */
function changesOf(
  document: Document,
  written: WrittenSettings,
  isNew: boolean,
): Change[] {
  const said: unknown = document.toJS();
  return SETTING_FIELDS.flatMap((field) => {
    const value = valueAt(written, field.name) ?? field.default;
    const isNeeded =
      document.hasIn(field.name.split(".")) ||
      !sameValue(value, field.default) ||
      (isNew && ESSENTIAL.has(field.name));
    return isNeeded && !sameValue(valueAt(said, field.name), value)
      ? [{ field, value }]
      : [];
  });
}

/** Puts new values where there are values already, and leaves the rest of the text as it is, to the letter. */
function replaceValues(text: string, written: WrittenSettings): string {
  const document = parseDocument(text);
  const edits = changesOf(document, written, false).flatMap(
    ({ field, value }) => {
      const node = document.getIn(field.name.split("."), true);
      const isList = isSeq(node) && node.flow === true && Array.isArray(value);
      if (!isList && !(isScalar(node) && typeof value !== "object")) return [];
      if (!node.range || node.anchor !== undefined) return [];
      const [start, end] = node.range;
      return start === end ? [] : [{ start, end, text: inline(value) }];
    },
  );
  return edits
    .sort((a, b) => b.start - a.start)
    .reduce(
      (whole, edit) =>
        whole.slice(0, edit.start) + edit.text + whole.slice(edit.end),
      text,
    );
}

/** A value on one line, right in any place of a YAML file. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "string") return JSON.stringify(value);
  const isPlain = /^[A-Za-z_./][\w./-]*$/.test(value) && parse(value) === value;
  return isPlain ? value : JSON.stringify(value);
}

/** A comment behind a section's name is taken for one before its first setting; it goes back to where it was. */
function keepLineComments(document: Document, text: string): void {
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || !key.range || !isNode(value)) return;
      const [line = ""] = text.slice(key.range[1]).split("\n", 1);
      if (!value.commentBefore || !/^\s*:\s+#/.test(line)) return;
      const [first, ...rest] = value.commentBefore.split("\n");
      key.comment = first ?? null;
      value.commentBefore = rest.length > 0 ? rest.join("\n") : null;
    },
  });
}

function put(document: Document, field: SettingField, value: unknown): void {
  const path = field.name.split(".");
  const before = document.getIn(path, true);
  const node = document.createNode(value);
  if (isCollection(node)) node.flow = Array.isArray(value);
  const comment = isNode(before) ? before.comment : commentOf(field, value);
  if (comment && field.kind !== "sets") node.comment = comment;
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
