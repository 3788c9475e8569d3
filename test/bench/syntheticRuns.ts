/** Run folders as the embedded trainer writes them, with made-up numbers: what a dashboard has to read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
  MetricsLine,
  RunDescription,
  RunStatus,
} from "../../core/run/folder";
import { seeded } from "../unit/seeded";

/** The line of one step: everything that the trainer logs, with an evaluation every 100 steps and a comparison every 200. */
export function syntheticLine(
  step: number,
  steps: number,
  random: () => number,
): MetricsLine {
  const done = step / steps;
  const about = (value: number, noise = 0.1) =>
    value * (1 + noise * (random() - 0.5));
  const entropy = about(0.21 + 0.05 * done);
  const rollout = about(9, 0.3);
  const update = about(3.1, 0.2);
  return {
    step,
    time: 1_795_665_797 + 12.7 * step,
    ...(step > 0 && {
      loss: about(0.11, 0.5),
      reward: about(0.3 + 0.5 * done, 0.3),
      reward_std: about(0.4),
      frac_reward_zero_std: random() / 4,
      "completions/mean_length": about(210 + 100 * done),
      "completions/clipped_ratio": random() / 10,
      entropy,
      "entropy/forking": about(5 * entropy),
      "entropy/rest": about(0.0006, 0.8),
      "entropy_mask/threshold": about(0.3, 0.9),
      "entropy_mask/kept_fraction": about(0.2, 0.001),
      "entropy/percentiles": Array.from(
        { length: 21 },
        (_, i) => about(2.2, 0.05) * (i / 20) ** 6,
      ),
      "clip_ratio/low_mean": random() / 1000,
      "clip_ratio/high_mean": random() / 1000,
      "sampling/sampling_logp_difference/mean": 1e-6 * random(),
      "sampling/sampling_logp_difference/max": 1e-5 * random(),
      grad_norm: about(0.04, 0.9),
      learning_rate: 0.0005 * (1 + Math.cos(Math.PI * done)),
      num_tokens: 32_635 * step,
      tokens_per_second: about(2100, 0.4),
      step_time: rollout + update + 0.1,
      "step_time/rollout": rollout,
      "step_time/score": 0,
      "step_time/update": update,
    }),
    ...(step % 100 === 0 && {
      "eval/validation/accuracy": about(0.2 + 0.4 * done),
      "eval/validation/mean_length": about(240),
    }),
    ...(step % 200 === 0 && {
      "compare/overlap": about(1 - 0.2 * done),
      "compare/entropy_change": Array.from({ length: 20 }, (_, i) =>
        about(0.1 * done * (i / 19)),
      ),
    }),
  };
}

/** The whole metrics.jsonl of a run. */
export function syntheticMetrics(steps: number, seed: number): string {
  const random = seeded(seed);
  let text = "";
  for (let step = 0; step <= steps; step++)
    text += `${JSON.stringify(syntheticLine(step, steps, random))}\n`;
  return text;
}

/** Writes a run folder. @param metrics of metrics.jsonl */
export function writeRun(
  folder: string,
  name: string,
  metrics: string,
  status: Partial<RunStatus> = {},
  settings: Readonly<Record<string, unknown>> = {},
): void {
  mkdirSync(folder, { recursive: true });
  const file = { path: "/m.gguf", sha256: "0".repeat(64), bytes: 1 };
  const description: RunDescription = {
    format: 1,
    name,
    engine: "embedded",
    created: "2026-11-26T04:02:39.049Z",
    runFile: "/r.forksight.yaml",
    settings,
    seed: 1,
    versions: { forksight: "0.1.0" },
    model: file,
    data: { train: file, eval: {} },
  };
  const whole: RunStatus = {
    state: "done",
    step: 0,
    steps: 0,
    heartbeat: "2026-11-26T04:07:49.927Z",
    eta: null,
    message: "done",
    ...status,
  };
  writeFileSync(join(folder, "run.json"), JSON.stringify(description));
  writeFileSync(join(folder, "status.json"), JSON.stringify(whole));
  writeFileSync(join(folder, "metrics.jsonl"), metrics);
}
