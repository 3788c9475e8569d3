/**
 * The run folder: the only contract between a trainer, whatever it is, and whoever watches it.
 *
 * | entry | what | how it is written |
 * |---|---|---|
 * | run.json | RunDescription | once, by rename |
 * | status.json | RunStatus | often, by rename |
 * | metrics.jsonl | a MetricsLine a step, the first one `step: 0` where the base was evaluated | appended; the last line may be torn |
 * | rollouts/step-N.jsonl | RolloutLine, a line a rollout | by rename |
 * | checkpoints/step-N/ | adapter.gguf, and what resuming needs | by rename of the folder |
 * | trainer.log | text for a person | appended |
 * | stop | asks the trainer to save and stop; removed by the trainer | by anyone, empty |
 *
 * A step counts as done when its checkpoint folder stands under its final name; a trainer that resumes cuts off what
 * other files say beyond it.
 */

/** Names inside a run folder. */
export const RUN_FOLDER = {
  run: "run.json",
  status: "status.json",
  metrics: "metrics.jsonl",
  rollouts: "rollouts",
  checkpoints: "checkpoints",
  log: "trainer.log",
  stop: "stop",
  /** In a checkpoint: LoRA adapter that stock llama.cpp loads. */
  adapter: "adapter.gguf",
} as const;

/** rollouts/step-N.jsonl */
export function rolloutsName(step: number): string {
  return `step-${step}.jsonl`;
}

/** checkpoints/step-N */
export function checkpointName(step: number): string {
  return `step-${step}`;
}

/** N of `step-N` or `step-N.jsonl`; undefined for other names. */
export function stepOfName(name: string): number | undefined {
  const match = /^step-(\d{1,9})(\.jsonl)?$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** The run and the step that a file of rollouts is of, by its path alone. */
export interface RolloutPlace {
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly step: number;
}

/** @returns undefined for a path that is not that of a file of rollouts */
export function rolloutPlace(path: string): RolloutPlace | undefined {
  const [, folder, name = ""] =
    /^(.+)[/\\]rollouts[/\\]([^/\\]+\.jsonl)$/.exec(path) ?? [];
  const step = stepOfName(name);
  return folder !== undefined && step !== undefined
    ? { folder, step }
    : undefined;
}

/** A file and its content's hash, so that a resumed or compared run can be told to be of the same model and data. */
export interface HashedFile {
  /** Absolute. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * run.json. What an imported run's source does not say is empty: `seed` is -1, paths and hashes are "", `bytes` is 0.
 */
export interface RunDescription {
  /** Version of this format. */
  readonly format: 1;
  readonly name: string;
  /** `embedded`, and what other trainers call themselves; `trl (imported)` and the like for what was only read. */
  readonly engine: string;
  /** ISO 8601. */
  readonly created: string;
  /** The run file it was started from, absolute. */
  readonly runFile: string;
  /** All settings, defaults filled in and paths absolute. A trainer of another make may have others than ours. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly versions: {
    readonly forksight: string;
    /** llama.cpp's release. */
    readonly llamaCpp?: string;
    readonly node?: string;
    readonly [name: string]: string | undefined;
  };
  readonly model: HashedFile;
  readonly data: {
    readonly train: HashedFile;
    readonly eval: Readonly<Record<string, HashedFile>>;
  };
}

/**
 * preparing: loading model and data. running. stopped: on request, can be resumed. done. failed: `message` says why.
 * A status `preparing` or `running` whose process is gone means that it was interrupted (see `isAlive`).
 */
export type RunState = "preparing" | "running" | "stopped" | "done" | "failed";

/** What the trainer does at this moment, for the status line. */
export type RunActivity =
  "load" | "rollout" | "score" | "update" | "evaluate" | "compare" | "save";

/** status.json */
export interface RunStatus {
  readonly state: RunState;
  /** Steps done. */
  readonly step: number;
  /** Steps to do. */
  readonly steps: number;
  /** ISO 8601; renewed at least every 10 seconds while the process lives. */
  readonly heartbeat: string;
  /** Seconds until the end, by the last steps' time; null while unknown. */
  readonly eta: number | null;
  /** For a person. */
  readonly message: string;
  readonly activity?: RunActivity;
  /** Process id on `host`. */
  readonly pid?: number;
  readonly host?: string;
  /** Resident memory of the trainer, bytes. */
  readonly memory?: number;
}

/** Seconds of a step, by part; `other` is what is left. */
export interface StepTime {
  readonly total: number;
  readonly rollout: number;
  readonly score: number;
  readonly update: number;
}

/**
 * A line of metrics.jsonl, under TRL's names where TRL has one. Entropies are nats, lengths tokens, times seconds. A
 * quantity that a step does not have is left out (`kl` without the term, `eval/...` except every n steps).
 */
export interface MetricsLine {
  readonly step: number;
  /** Unix time in seconds at the end of the step. */
  readonly time: number;
  readonly loss?: number;
  readonly reward?: number;
  /** Mean over groups of the deviation within the group. */
  readonly reward_std?: number;
  /** Share of groups whose rewards are all equal: they carry no gradient. */
  readonly frac_reward_zero_std?: number;
  /** Mean over all response tokens; of the tokens at or above the threshold; of the rest. */
  readonly entropy?: number;
  readonly "entropy/forking"?: number;
  readonly "entropy/rest"?: number;
  readonly "entropy_mask/threshold"?: number;
  readonly "entropy_mask/kept_fraction"?: number;
  /** Percentiles 0, 5, ..., 100 of the response tokens' entropies: 21 numbers. */
  readonly "entropy/percentiles"?: readonly number[];
  readonly "completions/mean_length"?: number;
  /** Share of completions that reached the maximum length without ending. */
  readonly "completions/clipped_ratio"?: number;
  readonly "clip_ratio/low_mean"?: number;
  readonly "clip_ratio/high_mean"?: number;
  readonly kl?: number;
  /** Before clipping. */
  readonly grad_norm?: number;
  readonly learning_rate?: number;
  /** Tokens of prompts and completions seen so far. */
  readonly num_tokens?: number;
  readonly tokens_per_second?: number;
  readonly step_time?: number;
  readonly "step_time/rollout"?: number;
  readonly "step_time/score"?: number;
  readonly "step_time/update"?: number;
  /** Groups sampled in dynamic sampling, those thrown away included. */
  readonly groups_sampled?: number;
  /** Share of the base model's forking positions that are still forking, on the same texts ([80/20] finding 3). */
  readonly "compare/overlap"?: number;
  /** Mean change of entropy against the base, by 5 % bin of base entropy, lowest first: 20 numbers, null for an empty bin ([80/20] finding 4). */
  readonly "compare/entropy_change"?: readonly (number | null)[];
  /** `eval/<set>/accuracy`, `eval/<set>/mean_length`, and what other trainers log. */
  readonly [name: string]: unknown;
}

/** A prompt as data files have it: text as it stands, or messages for the chat template. */
export type RolloutPrompt =
  string | readonly { readonly role: string; readonly content: string }[];

/** A line of rollouts/step-N.jsonl: also a record that core/traces opens. */
export interface RolloutLine {
  readonly step: number;
  /** Which prompt of the step, from 0; rollouts of one group share it. */
  readonly group: number;
  readonly prompt: RolloutPrompt;
  readonly completion: string;
  readonly reward: number;
  readonly advantage: number;
  /** Whether the completion reached the maximum length without ending. */
  readonly clipped: boolean;
  /** Left out where the trainer recorded none, as in rollouts that were imported. */
  readonly tokens?: {
    /** Ids of the completion, with the end token where it was sampled. */
    readonly ids: readonly number[];
    /** nats, of the policy when the step's update began. */
    readonly entropy: readonly number[];
    /** 1 where the token carried the gradient. */
    readonly kept: readonly (0 | 1)[];
  };
}

/** Heartbeats older than this, in milliseconds, mean that the process is gone. */
export const HEARTBEAT_LIMIT = 60_000;

/** A trainer at work renews its heartbeat at least this often, in milliseconds. */
export const HEARTBEAT_PERIOD = 10_000;

/** Whether a status speaks of a trainer that is still at work. A heartbeat from the future is as bad as an old one: it would never grow old. */
export function isAlive(status: RunStatus, now: number): boolean {
  return (
    (status.state === "running" || status.state === "preparing") &&
    Math.abs(now - Date.parse(status.heartbeat)) < HEARTBEAT_LIMIT
  );
}

/** Whether a trainer is at work on a run in this state. */
export function isLiveState(
  state: RunState | "interrupted" | "unreadable",
): boolean {
  return state === "preparing" || state === "running";
}
