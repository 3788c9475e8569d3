/**
 * The messages between the extension host and the launch panel (webview/launch). The panel holds the form; the host
 * knows files, models, engines and earlier runs. Each message is whole: a lost one is made good by the next, and "ready"
 * asks for all of them.
 *
 * Paths in the form are absolute, or relative to the workspace folder as a person typed them. Text of files (prompts,
 * names) crosses as data with control characters made visible.
 */
import { z } from "zod";
import type { FormValues } from "../run/runForm";
import { ENGINES } from "../run/engineSettings";

const setRow = z.object({ name: z.string(), path: z.string() }).readonly();
const formValues = z
  .record(
    z.string(),
    z.union([
      z.string(),
      z.boolean(),
      z.array(z.string()).readonly(),
      z.array(setRow).readonly(),
    ]),
  )
  .readonly() satisfies z.ZodType<FormValues>;

/** What the panel keeps while it is hidden, and over a reload of the window. */
const formState = z.object({
  values: formValues,
  /** Absolute path of the run file that the form was read from or saved to; empty for a new one. */
  file: z.string(),
  /** Ids of the sections that are unfolded. */
  unfolded: z.array(z.string()),
});

const engineChoice = z.object({
  id: z.enum(ENGINES),
  label: z.string(),
  description: z.string(),
  /** pending: still asked. */
  state: z.enum(["pending", "available", "missing"]),
  /** Versions and devices where it is available, else what is missing. */
  detail: z.string(),
  /** Title of the button that mends it. */
  remedy: z.string().optional(),
});

const modelChoice = z.object({
  path: z.string(),
  label: z.string(),
  /** Where it was found, or why it cannot be used. */
  detail: z.string(),
});

const dataPreview = z.object({
  /** Of which setting: `data.train`, or `data.eval` with a set's name. */
  field: z.string(),
  set: z.string().optional(),
  /** As the form has it. */
  path: z.string(),
  /** Why there is nothing to show. */
  problem: z.string().optional(),
  count: z.number().int(),
  /** Whether only the head of a large file was read. */
  isPartial: z.boolean(),
  samples: z.array(z.object({ prompt: z.string(), answer: z.string() })),
  badCount: z.number().int(),
  /** Lines are counted from 1. */
  bad: z.array(z.object({ line: z.number().int(), message: z.string() })),
});

/** Of a run as it is set up now. */
const facts = z.object({
  /** Problems that only the host sees: files that are not there, bad lines. */
  problems: z.array(z.object({ field: z.string(), message: z.string() })),
  data: z.array(dataPreview),
  /** Sentences, ready to be shown. */
  estimate: z.array(z.object({ title: z.string(), text: z.string() })),
});

/** From the host to the panel. */
const toPanel = z.discriminatedUnion("type", [
  /** Replaces what the panel has. */
  z.object({ type: z.literal("form"), form: formState }),
  z.object({
    type: z.literal("surroundings"),
    isTrusted: z.boolean(),
    engines: z.array(engineChoice),
    models: z.array(modelChoice),
    /** Whether the search for models goes on. */
    isSearching: z.boolean(),
  }),
  z.object({ type: z.literal("facts"), facts }),
  /** A file was chosen for a field; `set` is the row of `data.eval`. */
  z.object({
    type: z.literal("picked"),
    field: z.string(),
    row: z.number().int().optional(),
    path: z.string(),
  }),
  z.object({ type: z.literal("saved"), file: z.string() }),
]);

/** From the panel to the host. */
const toHost = z.discriminatedUnion("type", [
  /** The script runs; `form` is what it has kept. */
  z.object({ type: z.literal("ready"), form: formState.optional() }),
  /** The form has changed: the host answers with facts. */
  z.object({ type: z.literal("changed"), values: formValues }),
  z.object({
    type: z.literal("browse"),
    field: z.string(),
    row: z.number().int().optional(),
    /** A folder instead of a file. */
    folder: z.boolean(),
  }),
  z.object({ type: z.literal("save"), values: formValues, as: z.boolean() }),
  z.object({ type: z.literal("launch"), values: formValues }),
  z.object({ type: z.literal("remedy"), engine: z.enum(ENGINES) }),
  z.object({ type: z.literal("manageTrust") }),
  z.object({ type: z.literal("openFile") }),
  /** Opens a data set at a line, counted from 1. */
  z.object({
    type: z.literal("openLine"),
    path: z.string(),
    line: z.number().int(),
  }),
]);

export type FormState = z.infer<typeof formState>;
export type EngineChoice = z.infer<typeof engineChoice>;
export type ModelChoice = z.infer<typeof modelChoice>;
export type DataPreview = z.infer<typeof dataPreview>;
export type LaunchFacts = z.infer<typeof facts>;
export type ToLaunchPanel = z.infer<typeof toPanel>;
export type FromLaunchPanel = z.infer<typeof toHost>;

/** A message from the host; undefined for anything else that comes by post. */
export function readToLaunchPanel(message: unknown): ToLaunchPanel | undefined {
  return toPanel.safeParse(message).data;
}

/** A message from the panel; undefined where it is none. */
export function readFromLaunchPanel(
  message: unknown,
): FromLaunchPanel | undefined {
  return toHost.safeParse(message).data;
}

/** A state that the panel kept; undefined where it kept none. */
export function readFormState(state: unknown): FormState | undefined {
  return formState.safeParse(state).data;
}
