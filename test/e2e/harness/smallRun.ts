/** A small real run: what a suite about runs reads. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../../../scripts/steps.mjs";

/** Trains the pocket model for a few short steps; every one leaves rollouts and a checkpoint. */
export function trainSmallRun(folder: string, steps: number): void {
  const settings = [
    `steps=${steps}`,
    "rollout.promptsPerStep=2",
    "rollout.groupSize=4",
    "rollout.maxTokens=128",
    "loggedRollouts=8",
    "eval.every=0",
    "analysis.every=0",
    "checkpoints.every=1",
    // So that a single step changes what can be seen.
    "optimizer.learningRate=0.02",
  ];
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(root, "dist", "cli.mjs"),
      "train",
      join(root, "samples", "runs", "countdown-top20.forksight.yaml"),
      ...["--out", folder],
      ...settings.flatMap((one) => ["--set", one]),
    ],
    { encoding: "utf8", timeout: 200_000 },
  );
  if (status !== 0) throw new Error(`the run failed: ${stderr}`);
}
