/** The messages between the extension host and the view "Training" (webview/training). Messages are whole snapshots. */
import { z } from "zod";
import { runHead } from "./dashboardProtocol";

const spark = z.object({
  label: z.string(),
  /** The last value, as charts write it. */
  latest: z.string(),
  steps: z.array(z.number()).readonly(),
  values: z.array(z.number()).readonly(),
});

const toTraining = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("show"),
    run: runHead,
    sparks: z.array(spark).readonly(),
  }),
  /** There is no run. */
  z.object({ type: z.literal("nothing") }),
]);

const fromTraining = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("newRun") }),
  z.object({ type: z.literal("openDashboard"), folder: z.string() }),
  z.object({ type: z.literal("stop"), folder: z.string() }),
]);

export type Spark = z.infer<typeof spark>;
export type ToTraining = z.infer<typeof toTraining>;
export type FromTraining = z.infer<typeof fromTraining>;

/** A message from the host; undefined for anything else that comes by post. */
export function readToTraining(message: unknown): ToTraining | undefined {
  return toTraining.safeParse(message).data;
}

/** A message from the page; undefined where it is none. */
export function readFromTraining(message: unknown): FromTraining | undefined {
  return fromTraining.safeParse(message).data;
}
