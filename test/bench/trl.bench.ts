/** A whole RL step of the embedded trainer against one of TRL's GRPOTrainer: same model, prompts, group size, lengths, LoRA. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runSettings } from "../../core/run/settings";
import { collectRollouts } from "../../native/trainer/collect";
import { readProblems } from "../../native/trainer/dataSet";
import { openLlamaPolicy } from "../../native/trainer/llamaPolicy";
import type { Policy } from "../../native/trainer/policy";
import { ProblemStream } from "../../native/trainer/problemStream";
import { updatePolicy } from "../../native/trainer/update";
import { seeded } from "../unit/seeded";
import { median, type Bench, type BenchRow } from "./measure";
import { NO_PYTHON, pythonWith } from "./python";

const MODEL = repository("models/pocket.gguf");
const DATA = repository("samples/data/countdown-train.jsonl");
const [PROMPTS, GROUP, RANK, RHO] = [8, 8, 16, 0.2];
const ROUNDS = 3;

/** What a step's completions are. */
interface Lengths {
  readonly what: string;
  /** Longest completion, tokens. */
  readonly tokens: number;
  /** Whether a completion goes on to the full length, so that both sides have the same work to the token. */
  readonly full: boolean;
}

const LENGTHS: readonly Lengths[] = [
  { what: "rollouts of 192 tokens each", tokens: 192, full: true },
  {
    what: "rollouts as they end, at most 440 tokens",
    tokens: 440,
    full: false,
  },
];

/** Milliseconds of processor time. */
interface Step {
  readonly rollout: number;
  readonly update: number;
}

function repository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

async function embedded(folder: string, { tokens, full }: Lengths) {
  const settings = runSettings.parse({
    model: MODEL,
    data: { train: DATA },
    adapter: { rank: RANK, alpha: 2 * RANK },
    rollout: {
      promptsPerStep: PROMPTS,
      groupSize: GROUP,
      maxTokens: tokens,
    },
    mask: { rho: RHO },
    parallel: PROMPTS * GROUP,
    threads: 1,
    gpu: "off",
  });
  const problems = readProblems(DATA, () => undefined);
  const { signal } = new AbortController();
  const opened = await openLlamaPolicy(
    settings,
    problems,
    () => undefined,
    signal,
  );
  const policy: Policy = full
    ? {
        ...opened.policy,
        tokenizer: { ...opened.policy.tokenizer, stopIds: [] },
      }
    : opened.policy;
  const stream = new ProblemStream(problems, settings.seed);
  const random = seeded(1);
  const adapter = join(folder, "adapter.gguf");
  let done = 0;
  return {
    async step(): Promise<Step> {
      const step = ++done;
      const begin = processorTime();
      const { rollouts } = await collectRollouts(policy, stream, {
        settings,
        step,
        cursor: (step - 1) * PROMPTS,
        reward: (completions) => Promise.resolve(completions.map(random)),
        signal,
        onProgress: () => undefined,
      });
      const sampled = processorTime();
      await updatePolicy(policy.kernel, rollouts, {
        settings,
        step,
        updates: step - 1,
        signal,
        onActivity: () => undefined,
      });
      policy.kernel.saveAdapter(adapter);
      policy.rollouts.setAdapter(adapter, 1);
      const end = processorTime();
      return { rollout: sampled - begin, update: end - sampled };
    },
    free: () => policy.free(),
  };
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function trl(python: string, { tokens, full }: Lengths) {
  const shape = {
    model: MODEL,
    data: DATA,
    prompts: PROMPTS,
    group: GROUP,
    tokens,
    full,
    rank: RANK,
    rho: RHO,
    threads: 1,
  };
  const child = spawn(
    python,
    [repository("test/bench/trl_step.py"), JSON.stringify(shape)],
    {
      stdio: ["pipe", "pipe", "ignore"],
      env: {
        ...process.env,
        PYTHONPATH: repository("python/src"),
        HF_HUB_OFFLINE: "1",
        HF_HUB_DISABLE_TELEMETRY: "1",
        OMP_NUM_THREADS: "1",
      },
    },
  );
  const lines = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]();
  const next = async () => {
    const line = await lines.next();
    if (line.done) throw new Error("TRL ended before its step was done");
    return line.value;
  };
  await next();
  return {
    async step(): Promise<Step> {
      child.stdin.write("\n");
      return JSON.parse(await next()) as Step;
    },
    free: () => child.kill("SIGKILL"),
  };
}

function row(
  part: string,
  { what }: Lengths,
  ours: number,
  theirs: number,
): BenchRow {
  return {
    what: `${part} against TRL's, pocket model, ${PROMPTS} x ${GROUP} ${what}, one thread`,
    measured: `${(ours / theirs).toFixed(2)} of its processor time (${Math.round(ours)} against ${Math.round(theirs)} ms)`,
    goal: "at most 0.20",
    met: ours / theirs <= 0.2,
  };
}

async function compared(python: string, lengths: Lengths): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "forksight-bench-"));
  const [ours, theirs] = [
    await embedded(folder, lengths),
    await trl(python, lengths),
  ];
  const times: [Step, Step][] = [];
  // The first round warms both up.
  for (let round = 0; round <= ROUNDS; round++)
    times.push([await ours.step(), await theirs.step()]);
  ours.free();
  theirs.free();
  rmSync(folder, { recursive: true, force: true });
  const of = (side: 0 | 1, part: (step: Step) => number) =>
    median(times.slice(1).map((pair) => part(pair[side])));
  return (
    [
      ["a whole step", (step: Step) => step.rollout + step.update],
      ["its rollouts", (step: Step) => step.rollout],
      ["its update", (step: Step) => step.update],
    ] as const
  ).map(([name, part]) => row(name, lengths, of(0, part), of(1, part)));
}

const bench: Bench = {
  name: "trl",
  async run(say) {
    const python = pythonWith("trl", "peft", "gguf");
    if (python === undefined) {
      say(`no Python with TRL (${NO_PYTHON}): left out`);
      return [];
    }
    const rows: BenchRow[] = [];
    for (const lengths of LENGTHS)
      rows.push(...(await compared(python, lengths)));
    return rows;
  },
};

export default bench;
