/** The policy over llama.cpp: one GGUF in the training kernel and, for sampling, in llama_decode. */
import { CUDA_FOLDER_VARIABLE } from "../../core/engine/protocol";
import type { Problem } from "../../core/tasks/problem";
import { deriveSeed } from "../../core/rl/seed";
import type { RunSettings } from "../../core/run/settings";
import { loadAddon } from "../addon/load";
import type { Model } from "../addon/binding";
import type { LoraTarget, TrainingAddon } from "../addon/training";
import { gpuDevices } from "../engine/machine";
import { LoadedModel } from "../engine/loadedModel";
import { openLlama } from "../engine/llama";
import { tokenizeTrace } from "../engine/prompt";
import { physicalCores } from "./physicalCores";
import type { Policy, TrainerTokenizer } from "./policy";
import { RunError } from "./runError";

/** PEFT's names to GGUF's. */
const TARGETS: Readonly<
  Record<RunSettings["adapter"]["targets"][number], LoraTarget>
> = {
  q_proj: "attn_q",
  k_proj: "attn_k",
  v_proj: "attn_v",
  o_proj: "attn_output",
  gate_proj: "ffn_gate",
  up_proj: "ffn_up",
  down_proj: "ffn_down",
};

/** Tokens that end a turn in the usual chat formats, beside the model's own end token. */
const TURN_ENDS = [
  "<|im_end|>",
  "<|eot_id|>",
  "<end_of_turn>",
  "<|end|>",
  "<|endoftext|>",
];

/** Positions of KV cache are handed out in blocks of this many tokens. */
const CONTEXT_BLOCK = 64;

export interface OpenedPolicy {
  readonly policy: Policy;
  /** Where it runs, and what of it runs elsewhere; for the log. */
  readonly remarks: readonly string[];
}

/**
 * Loads the model twice: frozen with LoRA in the kernel, and in llama.cpp for rollouts.
 * @param problems all that will be asked, so that the context is long enough for the longest
 * @throws Error (of engine or add-on) where the model cannot be loaded or trained; RunError where a prompt is too long
 */
export async function openLlamaPolicy(
  settings: RunSettings,
  problems: readonly Problem[],
  onProgress: (message: string, done: number) => void,
  signal: AbortSignal,
): Promise<OpenedPolicy> {
  const cudaFolder = process.env[CUDA_FOLDER_VARIABLE];
  const llama = await openLlama(
    loadAddon,
    {
      gpu: settings.gpu,
      idleUnloadMinutes: 0,
      threads: settings.threads,
      ...(cudaFolder !== undefined && { cudaFolder }),
    },
    "gpu in the run file",
  );
  const addon = llama.addon as TrainingAddon;
  const loaded = await LoadedModel.load(
    settings.model,
    llama,
    (name, fraction) => onProgress(`loading ${name}`, fraction / 2),
    signal,
  );
  const { model } = loaded;
  const tokenizer = modelTokenizer(model);
  const contextSize = contextFor(model, tokenizer, settings, problems);
  const device =
    loaded.gpuLayers > 0 ? gpuDevices(llama.devices())[0] : undefined;
  const threads = settings.threads > 0 ? settings.threads : physicalCores();
  const { rank, alpha, targets } = settings.adapter;
  const kernel = await addon.createTrainer(
    settings.model,
    {
      rank,
      alpha,
      targets: targets.map((target) => TARGETS[target]),
      seed: deriveSeed(settings.seed, 0, "adapter"),
      threads,
      device: device?.name,
    },
    (fraction) =>
      onProgress("loading the weights to train", 0.5 + fraction / 2),
  );
  const rollouts = addon.createRollouts(model, {
    contextSize,
    parallel: settings.parallel,
    threads,
    // The mask takes the rollouts' entropies for the trained policy's: no flash attention, no F16 in between.
    precision: "exact",
  });
  const { description } = kernel;
  return {
    policy: {
      kernel,
      rollouts,
      tokenizer,
      free: () => {
        rollouts.free();
        kernel.free();
        loaded.free();
      },
    },
    remarks: [
      `${description.architecture}, ${description.layers} layers, ${description.trainableParameters} trainable parameters, weights ${description.weightTypes.join(" ")}, on ${description.device}, ${threads} threads, context ${contextSize}`,
      ...(description.fallbackOperations.length > 0
        ? [
            `operations on the CPU instead: ${description.fallbackOperations.join(", ")}`,
          ]
        : []),
    ],
  };
}

/** Prompts and completions as the model reads them. */
function modelTokenizer(model: Model): TrainerTokenizer {
  const conditioning = (prompt: Problem["prompt"]) =>
    typeof prompt === "string"
      ? ({ kind: "text", text: prompt } as const)
      : ({ kind: "messages", messages: prompt } as const);
  const stopIds = turnEnds(model);
  const end = model.eosId >= 0 ? [model.eosId] : stopIds.slice(0, 1);
  return {
    stopIds,
    prompt: (prompt) => tokenizeTrace(model, conditioning(prompt), "").ids,
    completion: (prompt, text) => {
      const { ids, from } = tokenizeTrace(model, conditioning(prompt), text);
      return Int32Array.from([...ids.subarray(from), ...end]);
    },
    decode: (ids) => {
      const last = ids.at(-1);
      const stopped = last !== undefined && stopIds.includes(last);
      const pieces = model.pieces(stopped ? ids.subarray(0, -1) : ids);
      return new TextDecoder().decode(Buffer.concat(pieces));
    },
  };
}

function turnEnds(model: Model): number[] {
  const ids = new Set<number>(model.eosId >= 0 ? [model.eosId] : []);
  for (const text of TURN_ENDS) {
    // A model that does not know it as one special token splits it.
    const [id, ...more] = model.tokenize(text, false, true);
    if (id !== undefined && more.length === 0) ids.add(id);
  }
  return [...ids];
}

function contextFor(
  model: Model,
  tokenizer: TrainerTokenizer,
  { rollout }: RunSettings,
  problems: readonly Problem[],
): number {
  let longest = 0;
  for (const { prompt } of problems)
    longest = Math.max(longest, tokenizer.prompt(prompt).length);
  const needed = longest + rollout.maxTokens;
  if (model.trainedContext > 0 && needed > model.trainedContext) {
    throw new RunError(
      `The longest prompt has ${longest} tokens; with rollout.maxTokens ${rollout.maxTokens} that is more than the ${model.trainedContext} tokens the model was trained for. Lower rollout.maxTokens or shorten the prompts.`,
    );
  }
  return Math.ceil(needed / CONTEXT_BLOCK) * CONTEXT_BLOCK;
}
