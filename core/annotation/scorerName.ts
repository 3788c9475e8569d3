import { adapterName } from "../run/adapterName";
import type { ScoredTrace } from "./scoredTrace";

/** What a trace was scored by: the model, and the adapter on it. */
export function scorerName({
  model,
  settings: { adapterPath },
}: Pick<ScoredTrace, "model" | "settings">): string {
  return adapterPath === undefined
    ? model.name
    : `${model.name} + ${adapterName(adapterPath)}`;
}
