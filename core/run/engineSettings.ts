/** The settings of a run file that only some engines have, and the engines' names. */
import { z } from "zod";
import { count } from "./settingTypes";

/** How TRL runs, on this machine or in a job on a cluster. */
export const trl = z.strictObject({
  processes: count(1, 1024)
    .default(1)
    .describe(
      "Processes on this machine, by torchrun; each takes its share of a step's rollouts. torchrun: `--nproc_per_node`.",
    ),
  precision: z
    .enum(["auto", "float32", "bfloat16"])
    .default("auto")
    .describe(
      "auto: bfloat16 on a GPU that has it, else float32. TRL: `bf16`.",
    ),
  vllm: z
    .boolean()
    .default(false)
    .describe(
      "Sample rollouts with vLLM where it is installed. TRL: `use_vllm`.",
    ),
  tensorboard: z
    .boolean()
    .default(false)
    .describe("Also write TensorBoard event files into the run folder."),
});

/** What a job asks of a Ray cluster. */
export const ray = z.strictObject({
  workers: count(1, 4096)
    .default(1)
    .describe(
      "Processes on the cluster. Ray Train: `ScalingConfig.num_workers`.",
    ),
  cpusPerWorker: count(1, 4096)
    .default(1)
    .describe("Ray Train: `resources_per_worker`, `CPU`."),
  gpusPerWorker: count(0, 64)
    .default(0)
    .describe("Ray Train: `resources_per_worker`, `GPU`."),
});

/** What trains. */
export const ENGINES = ["embedded", "trl", "ray"] as const;
export type EngineName = (typeof ENGINES)[number];
