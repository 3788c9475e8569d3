/** What the view says of a run, without VS Code. */
import { duration } from "../../core/run/duration";
import { ENGINES } from "../../core/run/engineSettings";
import { shortened, visibleLine } from "../../core/panels/visibleText";
import { escapeMarkdown } from "../inspect/inertText";
import { isLive, isResumable, type Run, type ShownState } from "./run";

/** Icon and colour; the icon alone tells the states apart. */
export const STATE_ICONS: Readonly<
  Record<ShownState, { readonly icon: string; readonly color?: string }>
> = {
  preparing: { icon: "watch", color: "charts.blue" },
  running: { icon: "play-circle", color: "charts.blue" },
  stopped: { icon: "debug-stop" },
  done: { icon: "pass", color: "testing.iconPassed" },
  failed: { icon: "error", color: "testing.iconFailed" },
  interrupted: { icon: "debug-disconnect", color: "list.warningForeground" },
  unreadable: { icon: "question", color: "disabledForeground" },
};

/** Of a run at work that has gone wrong. */
export const DIVERGING = {
  icon: "warning",
  color: "list.warningForeground",
} as const;

/** A run's name as one line of plain text. */
export function runName({ name }: Run): string {
  return shortened(visibleLine(name), 100);
}

/** `12/30, reward 0.41, ETA 3 min 20 s`. @param beside stands first; what tells it from others of its name */
export function runDescription(run: Run, beside = ""): string {
  const { state, status, latest, problem } = run;
  const parts: string[] = beside === "" ? [] : [oneLine(beside)];
  if (state === "unreadable")
    return [...parts, oneLine(problem ?? "unreadable")].join(", ");
  if (state === "preparing" && status?.step === 0)
    parts.push(status.message ? oneLine(status.message) : "preparing");
  else if (status) parts.push(`${status.step}/${status.steps}`);
  if (state === "failed" || state === "interrupted" || state === "stopped")
    parts.push(state);
  const shown = latest && (numberOf(latest.reward) ?? numberOf(latest.loss));
  if (shown !== undefined)
    parts.push(
      `${numberOf(latest?.reward) === undefined ? "loss" : "reward"} ${shown.toFixed(2)}`,
    );
  if (run.isStopping) parts.push("stopping");
  else if (isLive(run) && typeof status?.eta === "number")
    parts.push(`ETA ${duration(status.eta)}`);
  return parts.join(", ");
}

/** For a screen reader, which does not see the icon. */
export function runLabel(run: Run, beside = ""): string {
  return `Run ${runName(run)}, ${run.state}, ${runDescription(run, beside)}`;
}

/** Flags for the `when` clauses of package.json, such as `run resumable`. */
export function runFlags(run: Run, opened: boolean): string {
  const { engine } = run.description ?? {};
  const ours = ENGINES.some((one) => one === engine);
  return [
    "run",
    isLive(run) ? "live" : "still",
    ...(ours && isResumable(run) ? ["resumable"] : []),
    ...(ours && run.state === "done" ? ["extensible"] : []),
    ...(run.state === "unreadable" ? [] : ["readable"]),
    ...(opened ? ["opened"] : []),
  ].join(" ");
}

/** Settings that tell one run from another: where they stand in run.json, and what they are called here. */
const TELLING: readonly (readonly [path: string, label: string])[] = [
  ["engine", "Engine"],
  ["model", "Model"],
  ["data.train", "Data"],
  ["reward.kind", "Reward"],
  ["mask.kind", "Mask"],
  ["mask.rho", "Rho"],
  ["mask.pool", "Pool"],
  ["objective.loss", "Loss"],
  ["rollout.promptsPerStep", "Prompts per step"],
  ["rollout.groupSize", "Group size"],
  ["rollout.maxTokens", "Longest completion (tokens)"],
  ["optimizer.learningRate", "Learning rate"],
  ["seed", "Seed"],
];

/** Markdown in which nothing that a folder says is markup. */
export function runTooltip(run: Run): string {
  const { description, status, divergence, folder } = run;
  const problem = run.problem ?? divergence?.message;
  const lines = [`**${escapeMarkdown(runName(run))}** ${run.state}`];
  const message =
    problem ?? (status?.message === "done" ? "" : status?.message);
  if (message) lines.push(escapeMarkdown(shortened(message, 600)));
  const rows = description
    ? TELLING.flatMap(([path, label]) => {
        const value = settingAt(description.settings, path);
        return value === undefined
          ? []
          : [`| ${label} | ${escapeMarkdown(shortened(value, 120))} |`];
      })
    : [];
  if (rows.length > 0) lines.push(["| | |", "|---|---|", ...rows].join("\n"));
  lines.push(escapeMarkdown(folder));
  return lines.join("\n\n");
}

function settingAt(
  settings: Readonly<Record<string, unknown>>,
  path: string,
): string | undefined {
  let at: unknown = settings;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name))
      return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  if (typeof at === "string") return at;
  return typeof at === "number" || typeof at === "boolean"
    ? String(at)
    : undefined;
}

function oneLine(text: string): string {
  return shortened(visibleLine(text), 160);
}

/** Other trainers may log anything under these names. */
function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value)
    ? value
    : undefined;
}
