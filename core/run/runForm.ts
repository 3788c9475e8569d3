/** A run's settings as a form holds them: one value a setting, as written into its control. */
import { checkSettings } from "./runFile";
import { SETTING_FIELDS, type SettingField } from "./settingFields";
import type { RunSettings } from "./settings";

/** A held-out set. */
export interface SetRow {
  readonly name: string;
  readonly path: string;
}

/** Text as typed; a number too, so that a wrong one can be shown and refused. */
export type FormValue =
  string | boolean | readonly string[] | readonly SetRow[];

/** By the setting's dotted name; a setting that is not there counts as left empty. */
export type FormValues = Readonly<Record<string, FormValue>>;

/** Settings as a run file has them, nested. They need not hold. */
export type WrittenSettings = Readonly<Record<string, unknown>>;

/** Something wrong, at the field that a person has to change. */
export interface FormProblem {
  /** Dotted name of a form's field. */
  readonly field: string;
  readonly message: string;
}

export interface CheckedForm {
  /** What differs from the defaults. */
  readonly written: WrittenSettings;
  /** All settings; undefined where there are problems. */
  readonly settings: RunSettings | undefined;
  readonly problems: readonly FormProblem[];
}

/** A value as text; empty for one that is none. */
export function asText(value: FormValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The form's values for settings; what they leave out has its default. */
export function formOf(settings: WrittenSettings): FormValues {
  return Object.fromEntries(
    SETTING_FIELDS.map((field) => [
      field.name,
      controlValue(field, valueAt(settings, field.name) ?? field.default),
    ]),
  );
}

/** Reads a form and checks it as a run file is checked. */
export function checkForm(values: FormValues): CheckedForm {
  const written = writtenOf(values);
  const checked = checkSettings(written);
  const problems = checked.ok
    ? []
    : checked.errors.map(({ field, message }) => ({
        field: formFieldOf(field),
        message,
      }));
  problems.push(...repeatedSets(values));
  return {
    written,
    settings:
      checked.ok && problems.length === 0 ? checked.settings : undefined,
    problems,
  };
}

/** Value of a dotted name; undefined where it is not there. */
export function valueAt(settings: unknown, name: string): unknown {
  let at = settings;
  for (const part of name.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part))
      return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/** Whether two settings' values are the same: plain data, without regard to the order of keys. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || !a || !b)
    return Object.is(a, b);
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    Array.isArray(a) === Array.isArray(b) &&
    left.length === right.length &&
    left.every(
      ([key, value]) =>
        Object.hasOwn(b, key) &&
        sameValue(value, (b as Record<string, unknown>)[key]),
    )
  );
}

function writtenOf(values: FormValues): WrittenSettings {
  // `data` is there even while it is empty: the error then names the file that is missing.
  const written: Record<string, unknown> = { data: {} };
  for (const field of SETTING_FIELDS) {
    const value = settingOf(field, values[field.name]);
    if (value === undefined || sameValue(value, field.default)) continue;
    const names = field.name.split(".");
    let at = written;
    for (const name of names.slice(0, -1))
      at = (at[name] ??= {}) as Record<string, unknown>;
    at[names.at(-1)!] = value;
  }
  return written;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function settingOf(field: SettingField, value: FormValue | undefined): unknown {
  if (value === undefined || value === "") return undefined;
  switch (field.kind) {
    case "integer":
    case "number": {
      if (typeof value !== "string") return value;
      const trimmed = value.trim();
      if (trimmed === "") return undefined;
      return NUMBER.test(trimmed) ? Number(trimmed) : value;
    }
    case "sets": {
      const rows = setRows(value).filter(({ name, path }) => name || path);
      return Object.fromEntries(rows.map(({ name, path }) => [name, path]));
    }
    default:
      return value;
  }
}

function controlValue(field: SettingField, value: unknown): FormValue {
  switch (field.kind) {
    case "flag":
      return typeof value === "boolean" ? value : false;
    case "choices":
      return Array.isArray(value) ? value.map((one) => textOf(one)) : [];
    case "sets":
      return typeof value === "object" && value !== null
        ? Object.entries(value).map(([name, path]) => ({
            name,
            path: textOf(path),
          }))
        : [];
    default:
      return textOf(value);
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function setRows(value: FormValue | undefined): readonly SetRow[] {
  return Array.isArray(value)
    ? (value as readonly (string | SetRow)[]).filter(
        (one): one is SetRow => typeof one === "object",
      )
    : [];
}

/** As a mapping has no key twice, the form has to say it. */
function repeatedSets(values: FormValues): FormProblem[] {
  const names = setRows(values["data.eval"]).map(({ name }) => name);
  const repeated = names.find((name, i) => name && names.indexOf(name) < i);
  return repeated === undefined
    ? []
    : [{ field: "data.eval", message: `two sets are called "${repeated}"` }];
}

/** The form's field that a problem belongs to: of an entry its field's, of a section its first field's. */
function formFieldOf(name: string): string {
  const fields = SETTING_FIELDS.map((field) => field.name);
  return (
    fields.find((field) => name === field || name.startsWith(`${field}.`)) ??
    fields.find((field) => field.startsWith(`${name}.`)) ??
    name
  );
}
