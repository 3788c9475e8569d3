/** Reads a run file: YAML to checked settings, or errors that name the field and the line. */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parse,
  parseDocument,
} from "yaml";
import { z } from "zod";
import { ignoredSettings } from "./ignoredSettings";
import { nearestName } from "./nearestName";
import { settingProblem } from "./settingProblem";
import { runSettings, type RunSettings } from "./settings";

/** Something wrong, or without effect, in a run file or in an override. */
export interface RunFileError {
  /** Dotted name of the field, `mask.rho`; empty for the file as a whole. */
  readonly field: string;
  /** What is wrong and what would be right. */
  readonly message: string;
  /** Counted from 1; undefined where the field stands in no line (an override, a missing field). */
  readonly line?: number;
  /** Counted from 1, in UTF-16 code units. */
  readonly column?: number;
  /** Offsets in the file's text, for a diagnostic; as `line`. */
  readonly range?: { readonly start: number; readonly end: number };
  /** The name that was probably meant, in place of the last part of `field`. */
  readonly suggestion?: string;
}

export type RunFileResult =
  | {
      readonly ok: true;
      readonly settings: RunSettings;
      /** What is written and has no effect. */
      readonly ignored: readonly RunFileError[];
    }
  | { readonly ok: false; readonly errors: readonly RunFileError[] };

/** A setting given beside the file, `--set mask.rho=0.1`. */
export interface Override {
  /** Dotted name. */
  readonly field: string;
  /** As written; read as a YAML value. */
  readonly value: string;
}

/** Splits `mask.rho=0.1`; undefined where it is not of that form. */
export function parseOverride(text: string): Override | undefined {
  const match = /^([A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)*)=(.*)$/s.exec(text);
  return match ? { field: match[1]!, value: match[2]! } : undefined;
}

/**
 * Checks a run file. Never throws on bad input: all that is wrong comes back, in the order of the file.
 * @param text the YAML (JSON is YAML too)
 * @param overrides replace what the file says, the last one wins
 */
export function readRunFile(
  text: string,
  overrides: readonly Override[] = [],
): RunFileResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const errors: RunFileError[] = document.errors.map((error) => ({
    field: "",
    message: error.message.split("\n")[0]!.replace(/ at line \d+.*$/, ""),
    ...place(lines, error.pos[0], error.pos[1]),
  }));
  if (errors.length > 0) return { ok: false, errors };
  const overridden = new Set<string>();
  let value: unknown;
  try {
    // maxAliasCount (100 by default) keeps a file of nested aliases from growing without bound.
    value = document.toJS() ?? {};
  } catch (error) {
    return {
      ok: false,
      errors: [{ field: "", message: (error as Error).message }],
    };
  }
  if (!isMapping(value)) {
    return {
      ok: false,
      errors: [
        {
          field: "",
          line: 1,
          message: "a run file is a mapping of settings such as `steps: 60`",
        },
      ],
    };
  }
  for (const override of overrides) {
    const message = applyOverride(value, override);
    if (message) errors.push({ field: override.field, message });
    overridden.add(override.field);
  }
  if (errors.length > 0) return { ok: false, errors };
  return check(value, overridden, (names, atName) =>
    atName ? locateKey(names, document, lines) : locate(names, document, lines),
  );
}

/** Checks settings that are not in a file yet: as `readRunFile`, without places. */
export function checkSettings(
  value: Readonly<Record<string, unknown>>,
): RunFileResult {
  return check(value, new Set(), () => ({}));
}

/** Where something stands in the file. */
type Place = Pick<RunFileError, "line" | "column" | "range">;
type Locate = (names: readonly PropertyKey[], atName: boolean) => Place;

function check(
  value: unknown,
  overridden: ReadonlySet<string>,
  place: Locate,
): RunFileResult {
  const checked = runSettings.safeParse(value, { error: settingProblem });
  if (checked.success) {
    const ignored = ignoredSettings(value, checked.data).map(
      ({ path, message }) => errorAt(path, message, true, overridden, place),
    );
    return { ok: true, settings: checked.data, ignored };
  }
  const errors = checked.error.issues.flatMap((issue) =>
    toErrors(issue, value, overridden, place),
  );
  errors.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  // Of a number that is too large for a whole one, zod says so twice.
  const last = new Map(errors.map((error) => [error.field, error]));
  return { ok: false, errors: [...last.values()] };
}

/** One line for a person: `run.forksight.yaml:12: mask.rho: ...`. */
export function formatRunFileError(file: string, error: RunFileError): string {
  const at = error.line === undefined ? file : `${file}:${error.line}`;
  return [at, error.field, error.message].filter((part) => part).join(": ");
}

function applyOverride(
  value: Record<string, unknown>,
  { field, value: text }: Override,
): string | undefined {
  const names = field.split(".");
  let at = value;
  for (const name of names.slice(0, -1)) {
    const next = Object.hasOwn(at, name) ? at[name] : undefined;
    if (isMapping(next)) at = next;
    else define(at, name, (at = {}));
  }
  try {
    define(at, names.at(-1)!, parse(text) as unknown);
  } catch (error) {
    return `--set cannot read ${JSON.stringify(text)}: ${(error as Error).message.split("\n")[0]}`;
  }
  return undefined;
}

/** An own property even for a name such as `__proto__`, which the check then refuses. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** @param atName whether the place is the field's name, not its value */
function errorAt(
  names: readonly PropertyKey[],
  message: string,
  atName: boolean,
  overridden: ReadonlySet<string>,
  place: Locate,
): RunFileError {
  const field = names.join(".");
  // An override may be a whole section, or a list.
  const isOverridden = names.some((_, i) =>
    overridden.has(names.slice(0, i + 1).join(".")),
  );
  return {
    field,
    message: isOverridden ? `${message} (given by --set)` : message,
    ...(isOverridden ? {} : place(names, atName)),
  };
}

function toErrors(
  issue: z.core.$ZodIssue,
  value: unknown,
  overridden: ReadonlySet<string>,
  place: Locate,
): RunFileError[] {
  const path = issue.path.map((part) =>
    typeof part === "symbol" ? String(part) : part,
  );
  const at = (
    names: readonly PropertyKey[],
    message: string,
    isUnknown = false,
  ) => errorAt(names, message, isUnknown, overridden, place);
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(path);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const hint = nearest
        ? `Did you mean \`${nearest}\`?`
        : `Known here: ${known.join(", ")}.`;
      return {
        ...at([...path, key], `there is no such setting. ${hint}`, true),
        ...(nearest !== undefined && { suggestion: nearest }),
      };
    });
  }
  if (issue.code === "invalid_key" || issue.code === "invalid_element") {
    return [at(path, issue.issues[0]?.message ?? issue.message)];
  }
  const got = valueAt(value, path);
  if (issue.code === "invalid_type" && got === undefined)
    return [at(path, "this setting is needed and missing")];
  const shown = issue.code === "custom" ? "" : `, but it is ${show(got)}`;
  return [at(path, `${issue.message}${shown}`)];
}

/** Where a field's value (or the nearest enclosing one that is there) stands. */
function locate(
  names: readonly PropertyKey[],
  document: Document,
  lines: LineCounter,
): Place {
  for (let depth = names.length; depth > 0; depth--) {
    const node = document.getIn(names.slice(0, depth), true);
    if (isNode(node) && node.range)
      return place(lines, node.range[0], node.range[1]);
  }
  return {};
}

/** Where a field's name stands. */
function locateKey(
  names: readonly PropertyKey[],
  document: Document,
  lines: LineCounter,
): Place {
  const section =
    names.length > 1
      ? document.getIn(names.slice(0, -1), true)
      : document.contents;
  const pair = isMap(section)
    ? section.items.find(
        ({ key }) => isScalar(key) && key.value === names.at(-1),
      )
    : undefined;
  const range = isScalar(pair?.key) ? pair.key.range : undefined;
  return range
    ? place(lines, range[0], range[1])
    : locate(names, document, lines);
}

function place(lines: LineCounter, start: number, end: number) {
  const { line, col } = lines.linePos(start);
  return { line, column: col, range: { start, end } };
}

/** The names of settings that the schema has in the section `path`. */
function namesAt(path: readonly (string | number)[]): string[] {
  let schema: z.core.$ZodType = runSettings;
  for (const name of path) {
    const inner = unwrap(schema);
    if (!(inner instanceof z.ZodObject)) return [];
    const next = (inner.shape as Record<string, z.core.$ZodType>)[name];
    if (!next) return [];
    schema = next;
  }
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  // JSON knows no NaN.
  const text =
    typeof value === "number"
      ? String(value)
      : (JSON.stringify(value) ?? "nothing");
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
