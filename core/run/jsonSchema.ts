import { z } from "zod";
import { runSettings } from "./settings";

/** The JSON schema (draft 2020-12) of a run file, for editors: fields with a default may be left out. */
export function runJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(runSettings, { io: "input" });
  return {
    $schema: schema.$schema,
    title: "Forksight training run",
    description: "A run file, *.forksight.yaml.",
    ...schema,
  };
}
