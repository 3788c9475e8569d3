import type { Divergence } from "../../core/run/divergence";
import {
  isLiveState,
  type MetricsLine,
  type RunDescription,
  type RunState,
  type RunStatus,
} from "../../core/run/folder";

/** What the tree shows. `interrupted`: its process is gone. `unreadable`: the folder holds no run that can be read. */
export type ShownState = RunState | "interrupted" | "unreadable";

/** A run as the window knows it: a snapshot of its folder, replaced as a whole when the folder changes. */
export interface Run {
  /** Absolute path of the run folder: the run's identity. */
  readonly folder: string;
  /** The folder's name where run.json cannot be read. */
  readonly name: string;
  readonly state: ShownState;
  /** Why it is unreadable or failed, for a person. */
  readonly problem?: string;
  readonly description?: RunDescription;
  readonly status?: RunStatus;
  /** The last whole line of metrics.jsonl. */
  readonly latest?: MetricsLine;
  /** Of a live run: whether it was asked to stop, and what has gone wrong with it. */
  readonly isStopping?: boolean;
  readonly divergence?: Divergence;
  /**
   * The comparison it belongs to: the name of the folder between the place where runs are kept and the run's own, as
   * "Compare Arms" makes it. Undefined for a run by itself.
   */
  readonly group?: string;
}

/** Whether a trainer is at work on it. */
export function isLive({ state }: Run): boolean {
  return isLiveState(state);
}

/** Whether it can go on as it is; a run that is done needs a new number of steps. */
export function isResumable({ state }: Run): boolean {
  return state === "stopped" || state === "interrupted" || state === "failed";
}
