/** What was read of somebody else's run, as the files of a run folder. */
import type { MetricsLine, RunDescription, RunStatus } from "../run/folder";
import type { RolloutDump } from "./rolloutDump";

/** What `engine` of run.json says of such a run. */
export const IMPORTED_ENGINES = {
  trl: "trl (imported)",
  transformers: "transformers (imported)",
  verl: "verl (imported)",
  tensorboard: "tensorboard (imported)",
} as const;

export type ImportedFrom = keyof typeof IMPORTED_ENGINES;

export function isImported(engine: string): boolean {
  return Object.values<string>(IMPORTED_ENGINES).includes(engine);
}

export interface ImportedRun {
  readonly from: ImportedFrom;
  readonly name: string;
  /** Absolute path of what was read. */
  readonly source: string;
  /** Unix time in seconds at which the source was last written. */
  readonly ended: number;
  /** Ascending. */
  readonly metrics: readonly MetricsLine[];
  /** Steps with rollouts. */
  readonly rollouts: ReadonlySet<number>;
  /** Steps done, and steps that were to be done. */
  readonly step: number;
  readonly steps: number;
  /** The base model as the source names it: a path or the Hub's id. */
  readonly model: string | undefined;
  /** What was left out, computed or is unknown: a sentence each, for a person. */
  readonly notes: readonly string[];
}

const UNKNOWN_FILE = { path: "", sha256: "", bytes: 0 } as const;

/** @param version Forksight's own */
export function descriptionOf(
  run: ImportedRun,
  version: string,
): RunDescription {
  const begun = run.metrics[0]?.time ?? run.ended;
  return {
    format: 1,
    name: run.name,
    engine: IMPORTED_ENGINES[run.from],
    created: isoTime(begun),
    runFile: run.source,
    settings: {},
    seed: -1,
    versions: { forksight: version },
    model: { ...UNKNOWN_FILE, path: run.model ?? "" },
    data: { train: UNKNOWN_FILE, eval: {} },
  };
}

export function statusOf(run: ImportedRun): RunStatus {
  return {
    state: "done",
    step: run.step,
    steps: run.steps,
    heartbeat: isoTime(run.ended),
    eta: null,
    message: [`Imported from ${run.source}.`, ...run.notes].join(" "),
  };
}

/** JSON Lines. */
export function linesText(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** What has to be said of dumped rollouts: a sentence each. */
export function rolloutNotes(
  dumps: readonly Omit<RolloutDump, "steps">[],
): string[] {
  const total = (of: (dump: Omit<RolloutDump, "steps">) => number) =>
    dumps.reduce((sum, dump) => sum + of(dump), 0);
  const recorded = total((dump) => dump.advantages.recorded);
  const computed = total((dump) => dump.advantages.computed);
  const unknown = total((dump) => dump.advantages.unknown);
  const skipped = total((dump) => dump.skipped);
  const summed = [...new Set(dumps.flatMap((dump) => dump.summed))];
  const all = recorded + computed + unknown;
  const notes: string[] = [];
  if (all > 0)
    notes.push(
      "The rollouts come without tokens and entropies, and do not say whether they were cut off.",
    );
  if (computed > 0)
    notes.push(
      `Advantages computed here: those of ${computed} of ${all} rollouts, within rollouts of the same prompt, as (reward - mean) / (deviation + 1e-4).`,
    );
  if (unknown > 0)
    notes.push(
      `Advantages unknown, and given as 0: those of ${unknown} of ${all} rollouts, as no other of their step has the same prompt.`,
    );
  if (summed.length > 0)
    notes.push(
      `Rewards are ${summed.length === 1 ? "the column" : "the sum, all weights 1, of the columns"} ${summed.join(", ")}.`,
    );
  if (skipped > 0)
    notes.push(
      `Rows left out for lack of a prompt, a completion or a reward that is a number: ${skipped}.`,
    );
  return notes;
}

/** Some sources hold times that no calendar has. */
function isoTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime())
    ? new Date(0).toISOString()
    : date.toISOString();
}
