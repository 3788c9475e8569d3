/** What is wrong with a value, in words: the same as those of forksight_trl/schema.py. */
import type { z } from "zod";

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/**
 * zod's error map for files that people write.
 * @returns undefined where zod's own message has to do
 */
export function settingProblem(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type": {
      const type = TYPES[issue.expected];
      return type && `expected ${type}`;
    }
    case "invalid_value":
      return `expected one of ${issue.values.map((one) => JSON.stringify(one)).join(", ")}`;
    case "too_small":
      return limit(
        issue.origin,
        issue.inclusive === false ? "more than" : "at least",
        issue.minimum,
      );
    case "too_big":
      return limit(
        issue.origin,
        issue.inclusive === false ? "less than" : "at most",
        issue.maximum,
      );
    default:
      return undefined;
  }
}

function limit(origin: string, than: string, bound: number | bigint): string {
  switch (origin) {
    case "string":
      return than === "at least" && Number(bound) === 1
        ? "expected a text that is not empty"
        : `expected ${than} ${bound} characters`;
    case "array":
      return `expected ${than} ${bound} ${Number(bound) === 1 ? "item" : "items"}`;
    default:
      return `expected ${than} ${bound}`;
  }
}
