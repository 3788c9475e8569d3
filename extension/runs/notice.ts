import { shortened } from "../../core/panels/visibleText";
import { isLive, type Run } from "./run";
import { runDescription, runName } from "./runText";

/** What the user is told of a run, without having asked. */
export interface Notice {
  readonly severity: "info" | "warning" | "error";
  readonly message: string;
  readonly actions: readonly (
    "Open Dashboard" | "Open Log" | "Resume" | "Stop"
  )[];
}

/** Characters of a trainer's message; all of it is in the log. */
const MESSAGE_LIMIT = 300;

/**
 * What a change is worth saying, if anything: only of a run that was seen at work. That it was stopped is no news, for
 * somebody asked for it.
 * @param before undefined for a run not known until now
 */
export function noticeOf(
  before: Run | undefined,
  now: Run,
): Notice | undefined {
  if (before === undefined || !isLive(before)) return undefined;
  const name = `"${runName(now)}"`;
  if (isLive(now)) {
    const { divergence } = now;
    if (divergence === undefined || divergence.kind === before.divergence?.kind)
      return undefined;
    return {
      severity: "warning",
      message: `${name} diverges: ${divergence.message}`,
      actions: ["Open Dashboard", "Stop"],
    };
  }
  switch (now.state) {
    case "done":
      return {
        severity: "info",
        message: `${name} is done: ${runDescription(now)}.`,
        actions: ["Open Dashboard"],
      };
    case "failed":
      return {
        severity: "error",
        message: `${name} failed: ${shortened(now.problem ?? "", MESSAGE_LIMIT)}`,
        actions: ["Open Dashboard", "Open Log"],
      };
    case "interrupted":
      return {
        severity: "warning",
        message: `${name} was interrupted after step ${now.status?.step ?? 0}: its process is gone.`,
        actions: ["Resume", "Open Log"],
      };
    default:
      return undefined;
  }
}
