/** The arms of the paper's comparison: one run file, trained with other masks. */
import type { Override } from "./runFile";
import type { RunSettings } from "./settings";

export type Arm = RunSettings["mask"]["kind"];

/** In the order in which they are offered, with what each is for ([80/20] sections 5.2 and 6). */
export const ARMS: readonly { readonly arm: Arm; readonly meaning: string }[] =
  [
    { arm: "all", meaning: "every token carries the gradient: the baseline" },
    { arm: "top", meaning: "the top rho by entropy: the forking tokens" },
    { arm: "bottom", meaning: "the rest: the paper's reverse experiment" },
    { arm: "random", meaning: "a random rho: the control" },
  ];

/** What makes an arm of a run file. Seed and data stay, so the arms begin alike and see the same problems. */
export function armOverrides(name: string, arm: Arm): Override[] {
  return [
    { field: "mask.kind", value: arm },
    // A JSON string is a YAML string, whatever the name holds.
    { field: "name", value: JSON.stringify(armName(name, arm)) },
  ];
}

/** What an arm's run is called; names of runs end at 200 characters. */
export function armName(name: string, arm: Arm): string {
  return `${name.slice(0, 180)}, ${arm}`;
}
