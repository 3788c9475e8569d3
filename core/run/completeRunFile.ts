/**
 * What an editor offers while a run file is typed: names and values of settings, and their explanations. It works by
 * indentation, line by line, because a file that is being typed is rarely whole YAML. Files in JSON's brackets get none.
 */
import { choiceMeaning, schemaAt, type SettingSchema } from "./settingFields";

/** Offered at a place in the text. Offsets are UTF-16 code units. */
export interface Completion {
  readonly label: string;
  readonly kind: "setting" | "section" | "value";
  /** What takes the place of `start` to the cursor. */
  readonly insert: string;
  readonly start: number;
  /** One line: the default, or the type. */
  readonly detail: string;
  readonly documentation: string;
}

/** The setting whose name stands at a place. */
export interface SettingAt {
  /** Dotted. */
  readonly name: string;
  readonly schema: SettingSchema;
  /** Of its name in the text. */
  readonly start: number;
  readonly end: number;
}

const INDENT = "  ";
const KEY = /^(\s*)([A-Za-z0-9_.-]+)\s*:(?=\s|$)/;
/** Before the cursor: a name that is being typed. */
const TYPED_KEY = /^(\s*)([A-Za-z0-9_.-]*)$/;
/** Before the cursor: a value that is being typed behind `key: `, or in its list. */
const TYPED_VALUE =
  /^(\s*)([A-Za-z0-9_.-]+)\s*:\s+(?:\[(?:[^\]]*,)?\s*)?([^\s,[\]#"']*)$/;
const TYPED_ITEM = /^(\s*)-\s+([^\s#"']*)$/;

/** @param offset of the cursor */
export function completeRunFile(text: string, offset: number): Completion[] {
  const lines = linesBefore(text, offset);
  const line = lines.at(-1)!;
  const value = TYPED_VALUE.exec(line);
  if (value) {
    const [, indent = "", key = "", typed = ""] = value;
    const path = [...sectionAt(lines.slice(0, -1), indent.length), key];
    return valuesOf(path, offset - typed.length);
  }
  const item = TYPED_ITEM.exec(line);
  if (item) {
    const [, indent = "", typed = ""] = item;
    // YAML allows the items of a list to stand no deeper than its name.
    const path = sectionAt(lines.slice(0, -1), indent.length + 1);
    return valuesOf(path, offset - typed.length);
  }
  const name = TYPED_KEY.exec(line);
  if (!name) return [];
  const [, indent = "", typed = ""] = name;
  const path = sectionAt(lines.slice(0, -1), indent.length);
  return namesOf(
    path,
    indent,
    offset - typed.length,
    siblings(text, offset, path),
  );
}

/** The setting whose name or value the offset lies in; undefined where there is none. */
export function settingAt(text: string, offset: number): SettingAt | undefined {
  const lines = linesBefore(text, offset);
  const begin = offset - lines.at(-1)!.length;
  const whole = text.slice(begin).split("\n", 1)[0]!;
  const key = KEY.exec(whole);
  if (!key) return undefined;
  const [, indent = "", name = ""] = key;
  const comment = whole.search(/\s#/);
  if (comment >= 0 && offset - begin > comment) return undefined;
  const path = [...sectionAt(lines.slice(0, -1), indent.length), name];
  const schema = schemaAt(path);
  if (schema === undefined) return undefined;
  const start = begin + indent.length;
  return { name: path.join("."), schema, start, end: start + name.length };
}

/** Explanation of a setting in Markdown: the schema's text, its default and what it may be. */
export function settingMarkdown(name: string, schema: SettingSchema): string {
  const facts = [defaultOf(schema), rangeOf(schema)].filter(
    (one) => one !== "",
  );
  return [`**${name}**`, schema.description ?? "", facts.join(" ")]
    .filter((one) => one !== "")
    .join("\n\n");
}

function linesBefore(text: string, offset: number): string[] {
  return text.slice(0, offset).split(/\r?\n/);
}

/** Names of the sections around a line of this indentation, from those before it. */
function sectionAt(before: readonly string[], indent: number): string[] {
  const path: string[] = [];
  let limit = indent;
  for (const line of before.toReversed()) {
    if (limit === 0) break;
    const key = KEY.exec(line);
    if (!key || key[1]!.length >= limit) continue;
    path.unshift(key[2]!);
    limit = key[1]!.length;
  }
  return path;
}

/** Names that a section already has, the one at the cursor left out. */
function siblings(
  text: string,
  offset: number,
  path: readonly string[],
): ReadonlySet<string> {
  const names = new Set<string>();
  const lines = text.split(/\r?\n/);
  const at = linesBefore(text, offset).length - 1;
  lines.forEach((line, i) => {
    const key = KEY.exec(line);
    if (!key || i === at) return;
    const section = sectionAt(lines.slice(0, i), key[1]!.length);
    if (section.join(".") === path.join(".")) names.add(key[2]!);
  });
  return names;
}

function namesOf(
  path: readonly string[],
  indent: string,
  start: number,
  taken: ReadonlySet<string>,
): Completion[] {
  const section = schemaAt(path);
  return Object.entries(section?.properties ?? {})
    .filter(([name]) => !taken.has(name))
    .map(([name, schema]) => {
      const isSection =
        schema.properties !== undefined || schema.type === "object";
      return {
        label: name,
        kind: isSection ? "section" : "setting",
        insert: isSection ? `${name}:\n${indent}${INDENT}` : `${name}: `,
        start,
        detail: isSection
          ? "section"
          : defaultOf(schema) || (schema.type ?? ""),
        documentation: settingMarkdown([...path, name].join("."), schema),
      };
    });
}

function valuesOf(path: readonly string[], start: number): Completion[] {
  const schema = schemaAt(path);
  if (schema === undefined) return [];
  const isDefault = (value: unknown) => value === schema.default;
  const values =
    schema.enum ??
    schema.items?.enum ??
    (schema.type === "boolean"
      ? ["true", "false"]
      : typeof schema.default === "number" || typeof schema.default === "string"
        ? [String(schema.default)]
        : []);
  return values.map((value) => ({
    label: value,
    kind: "value",
    insert: value,
    start,
    detail:
      isDefault(value) || String(schema.default) === value ? "default" : "",
    documentation:
      choiceMeaning(schema.description ?? "", value) ??
      schema.description ??
      "",
  }));
}

function defaultOf(schema: SettingSchema): string {
  const value = schema.default;
  if (value === undefined || schema.properties !== undefined) return "";
  return `Default: \`${typeof value === "string" ? value : JSON.stringify(value)}\`.`;
}

function rangeOf(schema: SettingSchema): string {
  const choices = schema.enum ?? schema.items?.enum;
  return choices
    ? `One of ${choices.map((one) => `\`${one}\``).join(", ")}.`
    : "";
}
