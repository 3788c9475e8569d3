/**
 * The messages between the extension host and the panel "Rollouts" (webview/rollouts). Each side checks what it gets
 * with the schemas here. Messages may be lost while the panel is hidden: "ready" asks for the steps, and the page then
 * for its rows.
 */
import { z } from "zod";
import {
  EVERYTHING,
  SORT_KEYS,
  type RolloutQuery,
} from "../rollouts/rolloutRows";

/** Rows of one page. */
export const PAGE_ROWS = 100;

const query = z.object({
  sort: z.enum(SORT_KEYS),
  descending: z.boolean(),
  group: z.string().max(20),
  reward: z.string().max(40),
  text: z.string().max(1000),
}) satisfies z.ZodType<RolloutQuery>;

const shownRow = z.object({
  index: z.number(),
  group: z.number(),
  /** One line, shortened, control characters made visible. */
  prompt: z.string(),
  reward: z.number(),
  advantage: z.number(),
  length: z.number().nullable(),
  clipped: z.boolean(),
  entropy: z.number().nullable(),
  kept: z.number().nullable(),
});

const badLine = z.object({ line: z.number(), message: z.string() });

const page = z.object({
  step: z.number(),
  query,
  /** Place of the first row among those that match, from 0. */
  offset: z.number(),
  /** Rollouts of the step that can be read, and of those that match. */
  total: z.number(),
  matching: z.number(),
  rows: z.array(shownRow).readonly(),
  /** The first lines that cannot be read, and how many there are. */
  bad: z.array(badLine).readonly(),
  badCount: z.number(),
});

/** From the host to the panel. */
const toPanel = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("steps"),
    folder: z.string(),
    run: z.string(),
    /** Steps with rollouts, and those with a checkpoint, ascending. */
    steps: z.array(z.number()).readonly(),
    checkpoints: z.array(z.number()).readonly(),
    /** Why the folder cannot be read. */
    problem: z.string().optional(),
    /** The step to go to, where a command named one. */
    goTo: z.number().optional(),
  }),
  z.object({ type: z.literal("page"), page }),
  z.object({
    type: z.literal("reading"),
    step: z.number(),
    done: z.number(),
    total: z.number(),
  }),
  z.object({
    type: z.literal("failed"),
    step: z.number(),
    message: z.string(),
  }),
]);

/** From the panel to the host. */
const toHost = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  /** The newest request counts; an older one that is still being read is dropped. */
  z.object({
    type: z.literal("read"),
    step: z.number().int(),
    query,
    offset: z.number().int().min(0),
  }),
  /** Open rollout `index` of a step in the editor. */
  z.object({
    type: z.literal("open"),
    step: z.number().int(),
    index: z.number().int().min(1),
    /** Whether the focus goes along. */
    focus: z.boolean(),
  }),
  z.object({ type: z.literal("inspect"), step: z.number().int() }),
]);

/** What a page keeps while it is hidden and over a reload of the window. */
const state = z.object({
  /** The run folder; empty before the first message. */
  folder: z.string(),
  /** null: the newest. */
  step: z.number().nullable(),
  query,
  offset: z.number(),
});

export type RolloutsPage = z.infer<typeof page>;
export type ShownRollout = z.infer<typeof shownRow>;
export type ToRolloutsPanel = z.infer<typeof toPanel>;
export type FromRolloutsPanel = z.infer<typeof toHost>;
export type RolloutsState = z.infer<typeof state>;

/** A message from the host; undefined for anything else that comes by post. */
export function readToRolloutsPanel(
  message: unknown,
): ToRolloutsPanel | undefined {
  return toPanel.safeParse(message).data;
}

/** A message from the panel; undefined where it is none. */
export function readFromRolloutsPanel(
  message: unknown,
): FromRolloutsPanel | undefined {
  return toHost.safeParse(message).data;
}

/** What the page kept, or the state that a new one starts with. */
export function readRolloutsState(kept: unknown): RolloutsState {
  return (
    state.safeParse(kept).data ?? {
      folder: "",
      step: null,
      query: EVERYTHING,
      offset: 0,
    }
  );
}
