import * as vscode from "vscode";
import { PAPER_SHARE, PAPER_THRESHOLD } from "../../core/annotation/cut";
import { readSettings, writeSetting } from "../configuration";
import { formatCut, parseCut } from "./cutSetting";
import type { LiveTrace } from "./liveTrace";

interface CutItem extends vscode.QuickPickItem {
  /** The setting's text; absent: ask for it. */
  readonly setting?: string;
}

/** Asks for the cut and writes it to the setting. */
export async function setCut(live: LiveTrace | undefined): Promise<void> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  const current = formatCut(readSettings(uri).cut);
  const items: CutItem[] = [
    {
      label: formatCut({ kind: "share", share: PAPER_SHARE }),
      setting: formatCut({ kind: "share", share: PAPER_SHARE }),
      description: "of the trace's tokens: the paper's share, the default",
    },
    {
      label: "top 10%",
      setting: "top 10%",
      description: "only the sharpest forks",
    },
    {
      label: `${PAPER_THRESHOLD} nats`,
      setting: String(PAPER_THRESHOLD),
      description: "the paper's 80th percentile, for Qwen3-8B on AIME",
    },
  ];
  if (live !== undefined && live.cut.rule.kind === "share") {
    const nats = live.cut.threshold.toFixed(3);
    if (!Number.isNaN(live.cut.threshold))
      items.push({
        label: `${nats} nats`,
        setting: nats,
        description: "where this trace is cut now, fixed for all traces",
      });
  }
  items.push({ label: "Another share or entropy..." });
  const marked = items.map((item) => ({
    ...item,
    label: item.setting === current ? `$(check) ${item.label}` : item.label,
  }));
  const chosen = await vscode.window.showQuickPick(marked, {
    title: "Which tokens are forking tokens?",
    placeHolder: `Now: ${current}`,
  });
  if (chosen === undefined) return;
  const setting = chosen.setting ?? (await askForCut(current));
  if (setting !== undefined) await writeSetting("cut", setting, uri);
}

async function askForCut(current: string): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({
    title: "Which tokens are forking tokens?",
    prompt:
      "A share such as `top 15%`, or an entropy in nats such as `0.672`: tokens with more are forks.",
    value: current,
    validateInput: (value) =>
      parseCut(value) === undefined
        ? "Write `top 15%` or an entropy in nats such as `0.672`."
        : undefined,
  });
  const rule = text === undefined ? undefined : parseCut(text);
  return rule && formatCut(rule);
}
