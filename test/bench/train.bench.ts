/** How fast the training kernel is: with few kept tokens at a real vocabulary, and against PyTorch on the same shapes. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TokenBatch, TrainingKernel } from "../../native/addon/training";
import { LORA_TARGETS, openTraining } from "../integration/openTraining";
import { seeded } from "../unit/seeded";
import { interleaved, type Bench, type BenchRow } from "./measure";
import { NO_PYTHON, pythonWith } from "./python";
import { SLIM, SMALL_F32, writeRandomGguf, type Shape } from "./randomGguf";

const RANK = 8;

async function openKernel(name: string, shape: Shape): Promise<TrainingKernel> {
  const folder = join(tmpdir(), "forksight-bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.gguf`);
  if (!existsSync(path)) writeRandomGguf(path, shape);
  return openTraining().createTrainer(path, {
    rank: RANK,
    alpha: 16,
    targets: LORA_TARGETS,
    seed: 1,
    // One thread and processor time: a busy machine makes ggml's threads wait for each other, and PyTorch's too.
    threads: 1,
  });
}

/** A batch in which a share `rho` of the tokens carries the gradient. */
function batchOf(
  vocabulary: number,
  sequences: number,
  length: number,
  rho: number,
): TokenBatch {
  const random = seeded(1);
  const targets: number[] = [];
  for (let i = 0; i < sequences * length; i++) {
    if (i % length > 0 && random() < rho) targets.push(i);
  }
  return {
    ids: Int32Array.from({ length: sequences * length }, () =>
      Math.floor(random() * vocabulary),
    ),
    offsets: Int32Array.from({ length: sequences + 1 }, (_, s) => s * length),
    targets: Int32Array.from(targets),
    temperature: 1,
  };
}

/** Milliseconds of processor time of one update: forward, objective, backward. */
async function update(
  kernel: TrainingKernel,
  batch: TokenBatch,
): Promise<number> {
  const n = batch.targets.length;
  const before = process.cpuUsage();
  await kernel.accumulate(batch, () => ({
    byLogprob: new Float64Array(n).fill(1 / n),
    byEntropy: new Float64Array(n),
  }));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function keptTokens(): Promise<BenchRow> {
  const kernel = await openKernel("qwen3-slim-q8_0", SLIM);
  const [sequences, length] = [4, 64];
  const all = batchOf(SLIM.vocabulary, sequences, length, 1);
  const few = batchOf(SLIM.vocabulary, sequences, length, 0.2);
  await update(kernel, few);
  const [whole, masked] = (await interleaved(3, [
    () => update(kernel, all),
    () => update(kernel, few),
  ])) as [number, number];
  kernel.free();
  return {
    what: `update at rho = 0.2 against rho = 1, vocabulary 151,936, ${sequences} x ${length} tokens`,
    measured: `${(masked / whole).toFixed(2)} of its processor time`,
    goal: "at most 0.75",
    met: masked / whole <= 0.75,
  };
}

async function againstTorch(python: string): Promise<BenchRow> {
  const shape = { ...SMALL_F32, rank: RANK, sequences: 16, length: 128 };
  const kernel = await openKernel("qwen3-small-f32", SMALL_F32);
  const batch = batchOf(shape.vocabulary, shape.sequences, shape.length, 1);
  const script = fileURLToPath(
    new URL("../../test/bench/torch_update.py", import.meta.url),
  );
  const torch = spawn(
    python,
    [script, JSON.stringify({ ...shape, threads: 1 })],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: torch.stdout })[
    Symbol.asyncIterator
  ]();
  await lines.next();
  await update(kernel, batch);
  const [ours, theirs] = (await interleaved(5, [
    () => update(kernel, batch),
    async () => {
      torch.stdin.write("\n");
      const line = await lines.next();
      return Number(line.value as string);
    },
  ])) as [number, number];
  torch.stdin.end();
  kernel.free();
  const tokens = shape.sequences * shape.length;
  const perSecond = (ms: number) => Math.round((1000 * tokens) / ms);
  return {
    what: `update against PyTorch, 2.5 M parameters in F32, ${shape.sequences} x ${shape.length} tokens, one thread`,
    measured: `${(theirs / ours).toFixed(2)} times its speed (${perSecond(ours)} against ${perSecond(theirs)} tokens a second of processor time)`,
    goal: "at least its speed",
    met: ours <= theirs,
  };
}

const bench: Bench = {
  name: "train",
  async run(say) {
    const rows = [await keptTokens()];
    const python = pythonWith("torch");
    if (python === undefined) {
      say(
        `no Python with torch (${NO_PYTHON}): the comparison with PyTorch is left out`,
      );
    } else {
      rows.push(await againstTorch(python));
    }
    return rows;
  },
};

export default bench;
