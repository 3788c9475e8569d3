/** YAML with comments, for Hydra: which reads YAML 1.1. */
import { stringify } from "yaml";

export type Value =
  string | number | boolean | null | readonly (string | number)[];

/** Dotted name, value, and what a person must know about it. */
export type Entry = readonly [
  name: string,
  value: Value,
  comment?: string | undefined,
];

/** Entries as nested YAML, each comment on a line of its own above what it is about. */
export function nestedYaml(entries: readonly Entry[]): string {
  const lines: string[] = [];
  let open: readonly string[] = [];
  for (const [name, value, comment] of entries) {
    const path = name.split(".");
    const sections = path.slice(0, -1);
    const shared = sections.findIndex((one, i) => one !== open[i]);
    for (
      let i = shared < 0 ? sections.length : shared;
      i < sections.length;
      i++
    )
      lines.push(`${"  ".repeat(i)}${sections[i]}:`);
    open = sections;
    const indent = "  ".repeat(sections.length);
    if (comment !== undefined) lines.push(`${indent}# ${oneLine(comment)}`);
    lines.push(`${indent}${key(path.at(-1)!)}: ${scalar(value)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** YAML 1.1, which Hydra reads, takes `n` for a boolean. */
function key(name: string): string {
  return name === "n" ? "'n'" : name;
}

function scalar(value: Value): string {
  if (typeof value === "number") return number(value);
  if (Array.isArray(value))
    return `[${(value as (string | number)[]).map(scalar).join(", ")}]`;
  if (typeof value !== "string") return String(value);
  return value === "???" || /^[\w./${}-]+$/.test(value)
    ? unambiguous(value)
    : JSON.stringify(value);
}

function unambiguous(text: string): string {
  return stringify(text, { version: "1.1", lineWidth: 0 }).trimEnd();
}

/** YAML 1.1 takes `1e-6` for a text: it wants the point. */
function number(value: number): string {
  const text = String(value);
  return text.includes("e") && !text.includes(".")
    ? text.replace("e", ".0e")
    : text;
}

/** A path may hold anything, and a comment ends with its line. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}
