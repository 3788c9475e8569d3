import { counted } from "../counted";
import type { EngineHealth } from "../../core/engine/protocol";
import { labelText } from "../../core/panels/visibleText";
import { scorerName } from "../../core/annotation/scorerName";
import { formatCut } from "../inspect/cutSetting";
import type { LiveTrace } from "../inspect/liveTrace";
import { escapeMarkdown } from "../inspect/inertText";

/** What the status item says, apart from how VS Code shows it. */
export interface StatusFacts {
  readonly health: EngineHealth;
  /** Name of the model in force, before it is loaded its file's. */
  readonly modelName: string;
  /** Whether that is the pocket model that comes with Forksight. */
  readonly isPocket: boolean;
  /** The adapter in force, if any. */
  readonly adapterName?: string | undefined;
  /** The trace of the active editor. */
  readonly live: LiveTrace | undefined;
  /** Tokens done and to do, while the active document is scored. */
  readonly run: { readonly done: number; readonly total: number } | undefined;
}

/** One line for the status bar, with codicons. */
export function statusText({
  health,
  modelName,
  adapterName,
  live,
  run,
}: StatusFacts): string {
  if (health.state === "loading")
    return `$(loading~spin) Loading ${labelText(modelName)} ${Math.floor(100 * health.fraction)} %`;
  if (run !== undefined) {
    return run.total > 0
      ? `$(loading~spin) Scoring ${number(run.done)} of ${number(run.total)}`
      : "$(loading~spin) Scoring";
  }
  if (health.state === "failed") return "$(error) Forksight";
  const adapter = adapterName === undefined ? [] : [labelText(adapterName)];
  const { recorded } = live?.trace ?? {};
  if (live !== undefined && recorded !== undefined)
    return `$(history) ${counted(live.cut.forks.length, "kept token")}, recorded in step ${recorded.step}`;
  if (live !== undefined) {
    const forks = counted(live.cut.forks.length, "fork");
    return `$(repo-forked) ${[forks, ...adapter].join(" by ")}`;
  }
  return `$(repo-forked) ${[labelText(modelName), ...adapter].join(" + ")}`;
}

/** The tooltip as Markdown; its command links are those of `TOOLTIP_COMMANDS`. */
export function statusTooltip(facts: StatusFacts): string {
  const { health, isPocket, live } = facts;
  const parts = [`**Forksight** · ${healthLine(facts)}`];
  if (isPocket) {
    parts.push(
      "This is the pocket model that comes with Forksight. It knows only Countdown puzzles; choose the model that wrote your traces for anything else.",
    );
  }
  if (live !== undefined) parts.push(traceLine(live));
  if (health.state === "failed") parts.push(escapeMarkdown(health.message));
  parts.push(
    "[Choose Model](command:forksight.chooseModel) · [Set Cut](command:forksight.setCut) · [Heat/Forks](command:forksight.toggleDisplay) · [Log](command:forksight.showLog)",
  );
  return parts.join("\n\n");
}

/** The only commands that the tooltip's links may run. */
export const TOOLTIP_COMMANDS = [
  "forksight.chooseModel",
  "forksight.setCut",
  "forksight.toggleDisplay",
  "forksight.showLog",
];

/** One line on the engine and the model. */
export function healthLine(facts: StatusFacts): string {
  const { adapterName } = facts;
  return adapterName === undefined
    ? modelLine(facts)
    : `${modelLine(facts)}, with the adapter ${escapeMarkdown(adapterName)}`;
}

function modelLine({ health, modelName }: StatusFacts): string {
  switch (health.state) {
    case "idle":
      return `${escapeMarkdown(modelName)}, loaded when it is needed`;
    case "loading":
      return `loading ${escapeMarkdown(modelName)}`;
    case "failed":
      return "the engine failed";
    case "ready": {
      const { model, device, gpuLayers, totalLayers } = health;
      const where =
        gpuLayers > 0
          ? `${device}, ${gpuLayers} of ${totalLayers} layers`
          : device;
      return `${escapeMarkdown(model.name)} (${escapeMarkdown(`${model.architecture}, ${model.quantization}`)}) on ${escapeMarkdown(where)}`;
    }
  }
}

function traceLine(live: LiveTrace): string {
  const { cut, columns } = live;
  const { recorded } = live.trace;
  if (recorded !== undefined) {
    return `This rollout: ${counted(columns.start.length, "token")}, ${counted(cut.forks.length, "kept token")}, as ${escapeMarkdown(recorded.run)} recorded them in step ${recorded.step}.`;
  }
  const rule =
    cut.rule.kind === "share"
      ? `the ${formatCut(cut.rule)}`
      : `entropy above ${formatCut(cut.rule)} nats`;
  const from =
    cut.rule.kind === "share" && !Number.isNaN(cut.threshold)
      ? `, from ${cut.threshold.toFixed(3)} nats on`
      : "";
  const scorer = escapeMarkdown(scorerName(live.trace));
  return `This trace: ${counted(columns.start.length, "token")}, ${counted(live.cut.forks.length, "fork")} (${rule}${from}), scored by ${scorer}.`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}
