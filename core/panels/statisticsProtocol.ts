/**
 * The messages between the extension host and the view "Entropy" (webview/statistics). Each side checks what it gets
 * with the schemas here. Messages are whole snapshots: a lost one is made good by the next, and "ready" asks for one.
 */
import { z } from "zod";
import type { Histogram } from "../annotation/histogram";
import type { TraceSummary } from "../annotation/statistics";

const nats = z.number().nullable();

const tokenMean = z.object({
  id: z.number(),
  /** With white space made visible, ready to be shown. */
  text: z.string(),
  count: z.number(),
  meanEntropy: z.number(),
});

const summary = z.object({
  tokens: z.number(),
  scoredTokens: z.number(),
  meanEntropy: nats,
  medianEntropy: nats,
  percentiles: z
    .array(z.object({ percent: z.number(), nats: z.number() }))
    .readonly(),
  shareBelow001: z.number().nullable(),
  cut: z.object({
    kind: z.enum(["share", "fixed", "mask"]),
    value: z.number(),
    threshold: nats,
    forks: z.number(),
  }),
  perplexity: z.number().nullable(),
  minimumSeen: z.number(),
  topTokens: z.array(tokenMean).readonly(),
  bottomTokens: z.array(tokenMean).readonly(),
}) satisfies z.ZodType<TraceSummary>;

const histogram = z.object({
  binWidth: z.number(),
  counts: z.array(z.number()).readonly(),
}) satisfies z.ZodType<Histogram>;

const shownTrace = z.object({
  /** Name of the document. */
  document: z.string(),
  /** Name of the model that scored it. */
  model: z.string(),
  /** Whether the numbers are of the text as it is now; false after an edit, until it is scored again. */
  isFresh: z.boolean(),
  summary,
  histogram,
});

/** From the host to the view. */
const toView = z.discriminatedUnion("type", [
  z.object({ type: z.literal("show"), trace: shownTrace }),
  /** No annotated trace is active. */
  z.object({ type: z.literal("nothing") }),
]);

/** From the view to the host. */
const toHost = z.discriminatedUnion("type", [
  /** The view's script runs and wants its state. */
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("setCut") }),
  z.object({ type: z.literal("annotate") }),
  /** Select the next place of this token behind the cursor. */
  z.object({ type: z.literal("revealToken"), id: z.number().int() }),
]);

export type ShownTrace = z.infer<typeof shownTrace>;
export type ToStatisticsView = z.infer<typeof toView>;
export type FromStatisticsView = z.infer<typeof toHost>;

/** A message from the host; undefined for anything else that comes by post (other scripts post as well). */
export function readToStatisticsView(
  message: unknown,
): ToStatisticsView | undefined {
  return toView.safeParse(message).data;
}

/** A message from the view; undefined where it is none. */
export function readFromStatisticsView(
  message: unknown,
): FromStatisticsView | undefined {
  return toHost.safeParse(message).data;
}
