/** How fast the scorer is: against bare llama_decode, against node-llama-cpp's own logits, and after an edit. */
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";
import type { Model, ScoreOptions, Scorer } from "../../native/addon/binding";
import { makeScorer, openAddon } from "../integration/openAddon";
import {
  interleaved,
  median,
  milliseconds,
  processorMilliseconds,
  type Bench,
  type BenchRow,
} from "./measure";
import { QWEN3_06B, SLIM, writeRandomGguf, type Shape } from "./randomGguf";

const OPTIONS: ScoreOptions = { temperature: 1, topK: 10, from: 0 };

/** The model of that shape in the temporary folder, written on first use. */
function modelPath(name: string, shape: Shape): string {
  const folder = join(tmpdir(), "forksight-bench");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.gguf`);
  if (!existsSync(path)) writeRandomGguf(path, shape);
  return path;
}

function tokens(n: number, vocabulary: number): Int32Array {
  let state = 1;
  return Int32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % vocabulary;
  });
}

function scorerOf(model: Model, contextSize: number): Scorer {
  // As in use: fast precision, the physical cores, the reduction where "auto" puts it. On a machine that is busy with
  // other things ggml's threads wait for each other more than they compute: FORKSIGHT_BENCH_THREADS=1 measures there.
  return makeScorer(model, {
    contextSize,
    precision: "fast",
    threads: Number(process.env["FORKSIGHT_BENCH_THREADS"] ?? 0),
    reduce: "auto",
  });
}

const percent = (ratio: number) => `${(100 * ratio).toFixed(1)} %`;

async function againstBareDecode(
  model: Model,
  what: string,
  n: number,
  rounds: number,
): Promise<BenchRow> {
  const scorer = scorerOf(model, 1024);
  const ids = tokens(n + 1, model.vocabularySize);
  await scorer.decodeOnly(ids.subarray(0, scorer.microBatch));
  // Processor time beside the clock: it says the same on a machine that does other things too.
  const spent = { bare: [] as number[], scored: [] as number[] };
  const [bare, scored] = (await interleaved(rounds, [
    async () => {
      let time = 0;
      const work = async () => {
        time = await scorer.decodeOnly(ids.slice(0, n));
      };
      spent.bare.push(await processorMilliseconds(work));
      return time;
    },
    async () => {
      let time = 0;
      const work = async () => {
        time = await milliseconds(() => scorer.score(ids, OPTIONS));
      };
      spent.scored.push(await processorMilliseconds(work));
      return time;
    },
  ])) as [number, number];
  scorer.free();
  const ratio = bare / scored;
  const byProcessor = median(spent.bare) / median(spent.scored);
  return {
    what: `scoring against bare llama_decode with all logits, ${what}, ${n} tokens`,
    measured: `${percent(ratio)} of its speed, ${percent(byProcessor)} by processor time (${(scored / n).toFixed(2)} ms a token)`,
    goal: "at least 97 %",
    met: ratio >= 0.97,
  };
}

async function againstControlledEvaluate(
  model: Model,
  path: string,
  n: number,
): Promise<BenchRow> {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
  });
  const other = await llama.loadModel({ modelPath: path });
  const context = await other.createContext({
    contextSize: 1024,
    threads: Number(process.env["FORKSIGHT_BENCH_THREADS"] ?? 0),
  });
  const sequence = context.getSequence();
  const scorer = scorerOf(model, 1024);
  const ids = tokens(n + 1, model.vocabularySize);
  const [theirs, ours] = (await interleaved(3, [
    async () => {
      await sequence.clearHistory();
      return milliseconds(() =>
        sequence.controlledEvaluate(
          [...ids.slice(0, n)].map((id) => [
            id as Token,
            { generateNext: { logits: true } },
          ]),
        ),
      );
    },
    async () => {
      await scorer.score(Int32Array.of(ids[0]! + 1, 0), OPTIONS);
      return milliseconds(() => scorer.score(ids, OPTIONS));
    },
  ])) as [number, number];
  scorer.free();
  await context.dispose();
  await other.dispose();
  await llama.dispose();
  const ratio = theirs / ours;
  return {
    what: `scoring against node-llama-cpp's controlledEvaluate with logits, slim body, ${n} tokens`,
    measured: `${ratio.toFixed(0)} times as fast`,
    goal: "at least 20 times",
    met: ratio >= 20,
  };
}

async function afterAnEdit(model: Model, n: number): Promise<BenchRow> {
  const scorer = scorerOf(model, 4096);
  const ids = tokens(n, model.vocabularySize);
  // The first token of the last 5 %: the dearest edit of those.
  const edited = Int32Array.from(ids);
  const at = Math.floor(n * 0.95);
  edited[at] = (ids[at]! + 1) % model.vocabularySize;
  const [all, edit] = (await interleaved(3, [
    async () => {
      // A sequence with another first token leaves nothing to reuse.
      await scorer.score(Int32Array.of(ids[0]! + 1, 0), OPTIONS);
      return milliseconds(() => scorer.score(ids, OPTIONS));
    },
    () => milliseconds(() => scorer.score(edited, OPTIONS)),
  ])) as [number, number];
  scorer.free();
  const ratio = edit / all;
  return {
    what: `an edit at 95 % of a ${n}-token trace against scoring it whole, slim body`,
    measured: `${ratio.toFixed(3)} of its time (${edit.toFixed(0)} ms)`,
    goal: "at most 0.08",
    met: ratio <= 0.08,
  };
}

const bench: Bench = {
  name: "scorer",
  async run(say) {
    const addon = openAddon();
    const rows: BenchRow[] = [];
    const add = (row: BenchRow) => {
      rows.push(row);
      say(`${row.what}: ${row.measured}`);
    };
    say("writing random models with vocabulary 151,936 where none are kept");
    const large = modelPath("qwen3-0.6b-q8_0", QWEN3_06B);
    const slim = modelPath("qwen3-slim-q8_0", SLIM);
    const model = await addon.loadModel(large, { gpuLayers: 0 });
    add(await againstBareDecode(model, "Qwen3-0.6B's shape", 128, 3));
    model.free();
    const small = await addon.loadModel(slim, { gpuLayers: 0 });
    add(await againstBareDecode(small, "slim body", 512, 5));
    add(await againstControlledEvaluate(small, slim, 32));
    add(await afterAnEdit(small, 4000));
    small.free();
    return rows;
  },
};

export default bench;
