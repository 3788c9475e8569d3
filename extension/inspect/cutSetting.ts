import {
  type ChosenCut,
  type CutRule,
  DEFAULT_CUT,
} from "../../core/annotation/cut";

const SHARE = /^\s*(?:top\s*)?(\d+(?:\.\d+)?)\s*%\s*$/i;
const FIXED = /^\s*(\d+(?:\.\d+)?)\s*$/;

/**
 * The rule that the setting `forksight.cut` names: `top 20%` or an entropy in nats such as `0.672`.
 * @returns undefined where it names none
 */
export function parseCut(setting: string): ChosenCut | undefined {
  const share = SHARE.exec(setting);
  if (share) {
    const percent = Number(share[1]);
    return percent > 0 && percent <= 100
      ? { kind: "share", share: percent / 100 }
      : undefined;
  }
  const fixed = FIXED.exec(setting);
  return fixed ? { kind: "fixed", nats: Number(fixed[1]) } : undefined;
}

/** The setting's text for a rule; `parseCut` reads it back. A mask is no setting: it says what it is. */
export function formatCut(rule: CutRule): string {
  switch (rule.kind) {
    case "share":
      return `top ${trimmed(100 * rule.share)}%`;
    case "fixed":
      return trimmed(rule.nats);
    case "mask":
      return "kept in training";
  }
}

/** The rule of the setting, or the default where the setting is no rule. */
export function cutOrDefault(setting: string): ChosenCut {
  return parseCut(setting) ?? DEFAULT_CUT;
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(4)));
}
