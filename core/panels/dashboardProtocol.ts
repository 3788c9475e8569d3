/**
 * The messages between the extension host and the dashboard (webview/dashboard). Each side checks what it gets with the
 * schemas here. Columns come as whole snapshots, and appended rows name how many rows they stand behind: a page that
 * has another number asks for the run anew.
 */
import { z } from "zod";
import type { MetricsColumns } from "../run/metricsColumns";
import type { SettingsDifference } from "../run/settingsDiff";

const runState = z.enum([
  "preparing",
  "running",
  "stopped",
  "done",
  "failed",
  "interrupted",
  "unreadable",
]);

export const runHead = z.object({
  /** Absolute path: the run's identity. */
  folder: z.string(),
  /** Ready to be shown: without control characters. */
  name: z.string(),
  group: z.string(),
  state: runState,
  /** Whether a live one was asked to stop. */
  isStopping: z.boolean(),
  /** Why it failed or cannot be read; else what the trainer says. */
  message: z.string(),
  step: z.number(),
  steps: z.number(),
  /** Seconds until the end; null while unknown. */
  eta: z.number().nullable(),
  /** Resident memory of the trainer, bytes; null where it tells none. */
  memory: z.number().nullable(),
});

const columns = z.object({
  folder: z.string(),
  names: z.array(z.string()).readonly(),
  rows: z.number().int(),
  /** Of a Float64Array, as in MetricsColumns. */
  values: z.instanceof(ArrayBuffer),
});

const range = z.object({ from: z.number(), to: z.number() });

/** From the host to the page. */
const toDashboard = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("runs"),
    /** Those that are drawn, in the order of their colours. */
    shown: z.array(runHead).readonly(),
    /** All that can be chosen. */
    known: z
      .array(
        runHead.pick({ folder: true, name: true, group: true, state: true }),
      )
      .readonly(),
  }),
  /** All rows that the host has of some runs. */
  z.object({
    type: z.literal("columns"),
    runs: z
      .array(
        columns.extend({
          /** Whether these are all lines of the file, or a sample. */
          isComplete: z.boolean(),
          /** Lines that are no metrics. */
          bad: z.number(),
        }),
      )
      .readonly(),
  }),
  /** Rows that stand behind the first `after` ones. */
  columns.extend({ type: z.literal("append"), after: z.number().int() }),
  z.object({
    type: z.literal("settings"),
    /** The shown runs that have settings, a column each. */
    folders: z.array(z.string()).readonly(),
    differences: z
      .array(
        z.object({
          name: z.string(),
          values: z.array(z.string().nullable()).readonly(),
        }) satisfies z.ZodType<SettingsDifference>,
      )
      .readonly(),
  }),
]);

/** From the page to the host. */
const fromDashboard = z.discriminatedUnion("type", [
  /** The page's script runs and wants everything. */
  z.object({ type: z.literal("ready") }),
  /** Draw these runs from now on. */
  z.object({
    type: z.literal("show"),
    folders: z.array(z.string()).readonly(),
  }),
  /** The page misses rows of this run. */
  z.object({ type: z.literal("refresh"), folder: z.string() }),
  /** More rows between two steps; null when all are shown again. */
  z.object({ type: z.literal("range"), range: range.nullable() }),
  z.object({ type: z.literal("stop"), folder: z.string() }),
  z.object({ type: z.literal("saveCsv"), text: z.string() }),
  /** Every line of the shown runs' files. */
  z.object({ type: z.literal("saveAllCsv") }),
  z.object({ type: z.literal("savePng"), bytes: z.instanceof(ArrayBuffer) }),
]);

/** What a page keeps, and what a panel is restored from. */
const dashboardState = z.object({
  folders: z.array(z.string()).readonly().catch([]),
  hiddenRuns: z.array(z.string()).readonly().catch([]),
  /** Ids of charts. */
  hiddenCharts: z.array(z.string()).readonly().catch([]),
  /** By `seriesKey`: what the user showed or hid; the rest is as `isSeriesShown` has it. */
  series: z.record(z.string(), z.boolean()).readonly().catch({}),
  /** The run of the charts that have room for one; empty: the first. */
  focus: z.string().catch(""),
  /** Ids of charts with a logarithmic axis. */
  log: z.array(z.string()).readonly().catch([]),
  smoothing: z.number().min(0).max(0.999).catch(0.6),
  range: range.nullable().catch(null),
  isOtherOpen: z.boolean().catch(false),
  areSettingsOpen: z.boolean().catch(false),
  scroll: z.number().catch(0),
});

export type RunHead = z.infer<typeof runHead>;
export type StepRange = z.infer<typeof range>;
export type ToDashboard = z.infer<typeof toDashboard>;
export type FromDashboard = z.infer<typeof fromDashboard>;
export type DashboardState = z.infer<typeof dashboardState>;

/** A message from the host; undefined for anything else that comes by post. */
export function readToDashboard(message: unknown): ToDashboard | undefined {
  return toDashboard.safeParse(message).data;
}

/** A message from the page; undefined where it is none. */
export function readFromDashboard(message: unknown): FromDashboard | undefined {
  return fromDashboard.safeParse(message).data;
}

/** A page's kept state; what is missing or wrong is as at first. */
export function readDashboardState(state: unknown): DashboardState {
  return dashboardState.parse(
    typeof state === "object" && state !== null ? state : {},
  );
}

/** Columns as they cross. */
export function packed(
  folder: string,
  { names, rows, values }: MetricsColumns,
) {
  return { folder, names, rows, values: values.buffer as ArrayBuffer };
}

/** Columns as they were; undefined where the buffer's length is not theirs. */
export function unpacked(message: {
  readonly names: readonly string[];
  readonly rows: number;
  readonly values: ArrayBuffer;
}): MetricsColumns | undefined {
  const { names, rows, values } = message;
  return values.byteLength === 8 * names.length * rows
    ? { names, rows, values: new Float64Array(values) }
    : undefined;
}
