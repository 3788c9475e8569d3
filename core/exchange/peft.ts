/** LoRA adapters as PEFT saves them: adapter_config.json and adapter_model.safetensors in one folder. */
import { z } from "zod";
import {
  DTYPES,
  type LoraPair,
  type Matrix,
  PROJECTIONS,
  sortPairs,
} from "./adapter";
import { FormatError } from "./formatError";
import {
  readSafetensors,
  type SafeTensor,
  writeSafetensors,
} from "./safetensors";

/** Names inside a PEFT folder. */
export const PEFT_FOLDER = {
  config: "adapter_config.json",
  weights: "adapter_model.safetensors",
} as const;

export interface PeftAdapter {
  /** The base model as transformers finds it: a folder, or the Hub's id. */
  readonly baseModel: string | undefined;
  /** B's rows in transformers' order. */
  readonly pairs: readonly LoraPair[];
  /** By which the product B A of a pair is multiplied. PEFT: `scaling`. */
  readonly scaleOf: (pair: LoraPair) => number;
}

/** What changes the meaning of the matrices; the many other fields are for training alone. */
const configuration = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.string().nullish(),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  bias: z.string().nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  alora_invocation_tokens: z.unknown().optional(),
  layer_replication: z.unknown().optional(),
  alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
});

const NAME =
  /^(?:base_model\.model\.)?(?:model\.)?layers\.(\d{1,6})\.([a-z_]+\.[a-z_]+)\.lora_([AB])(?:\.[A-Za-z0-9_-]+)?\.weight$/;

/**
 * @param config the text of adapter_config.json
 * @param weights the bytes of adapter_model.safetensors
 * @throws FormatError for a damaged folder, and for what GGUF adapters cannot express
 */
export function readPeft(config: string, weights: Uint8Array): PeftAdapter {
  const settings = readConfig(config);
  const pairs = pairsOf(readSafetensors(weights));
  const alphaOf = alphasBy(settings);
  return {
    baseModel: settings.base_model_name_or_path ?? undefined,
    pairs,
    scaleOf: (pair) =>
      alphaOf(pair) /
      (settings.use_rslora ? Math.sqrt(pair.a.rows) : pair.a.rows),
  };
}

type Configuration = z.output<typeof configuration>;

function readConfig(text: string): Configuration {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError(
      `${PEFT_FOLDER.config} is no JSON: ${(error as Error).message}`,
    );
  }
  const checked = configuration.safeParse(json);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    throw new FormatError(
      `${PEFT_FOLDER.config}: ${issue.path.join(".")}: ${issue.message}`,
    );
  }
  const { data } = checked;
  const obstacle = obstacleIn(data);
  if (obstacle !== undefined)
    throw new FormatError(`${PEFT_FOLDER.config}: ${obstacle}`);
  return data;
}

/** Why GGUF cannot express an adapter; undefined where it can. */
function obstacleIn(data: Configuration): string | undefined {
  const merge =
    "which GGUF adapters cannot express: merge it into the model with PEFT";
  if (data.peft_type.toUpperCase() !== "LORA")
    return `it is of the type ${data.peft_type}, and only LORA can be converted`;
  if (data.use_dora) return `it uses DoRA, ${merge}`;
  if (data.modules_to_save?.length)
    return `it holds whole modules beside LoRA (${data.modules_to_save.join(", ")}), ${merge}`;
  if (data.layer_replication != null) return `it replicates layers, ${merge}`;
  if (data.alora_invocation_tokens != null)
    return "it is an activated LoRA, which acts from certain tokens on, and the conversion would make it act everywhere";
  if (data.fan_in_fan_out)
    return "its weights are transposed (fan_in_fan_out), which no model of these architectures has";
  return undefined;
}

/** `alpha_pattern` gives modules an alpha of their own. Its keys are regular expressions to PEFT; only names are taken here. */
function alphasBy(settings: Configuration): (pair: LoraPair) => number {
  const own = Object.entries(settings.alpha_pattern ?? {});
  for (const [key] of own) {
    if (!/^[\w.]+$/.test(key))
      throw new FormatError(
        `${PEFT_FOLDER.config}: the key ${JSON.stringify(key)} of alpha_pattern is more than a module's name`,
      );
  }
  return ({ layer, projection }) => {
    const name = `model.layers.${layer}.${projection.module}`;
    const match = own.find(([key]) => name === key || name.endsWith(`.${key}`));
    return match?.[1] ?? settings.lora_alpha;
  };
}

function pairsOf(tensors: ReadonlyMap<string, SafeTensor>): LoraPair[] {
  const halves = new Map<string, { a?: Matrix; b?: Matrix }>();
  for (const [name, tensor] of tensors) {
    const match = NAME.exec(name);
    const known =
      match && PROJECTIONS.some(({ module }) => module === match[2]);
    if (!match || !known)
      throw new FormatError(
        `it holds ${JSON.stringify(name)}, which is no LoRA matrix of a projection that can be converted (${PROJECTIONS.map(({ peft }) => peft).join(", ")})`,
      );
    const key = `${Number(match[1])}.${match[2]}`;
    const pair = halves.get(key) ?? {};
    halves.set(key, pair);
    const half = match[3] === "A" ? "a" : "b";
    if (pair[half]) throw new FormatError(`${name} is there twice`);
    pair[half] = matrixOf(name, tensor);
  }
  if (halves.size === 0) throw new FormatError("it holds no LoRA matrices");
  const pairs = [...halves].map(([key, { a, b }]): LoraPair => {
    const [layer, ...module] = key.split(".");
    const projection = PROJECTIONS.find(
      (one) => one.module === module.join("."),
    )!;
    if (a === undefined || b === undefined)
      throw new FormatError(`layers.${key} lacks its other LoRA matrix`);
    if (a.rows !== b.columns)
      throw new FormatError(
        `layers.${key} has the ranks ${a.rows} and ${b.columns} in its two matrices`,
      );
    return { layer: Number(layer), projection, a, b };
  });
  return sortPairs(pairs);
}

function matrixOf(name: string, { dtype, shape, bytes }: SafeTensor): Matrix {
  const known = DTYPES.find((one) => one === dtype);
  if (known === undefined)
    throw new FormatError(
      `${name} is ${dtype}, and only ${DTYPES.join(", ")} can be converted`,
    );
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined || shape.length !== 2)
    throw new FormatError(`${name} is no matrix`);
  return { dtype: known, rows, columns, bytes };
}

/**
 * The two files of a PEFT folder.
 * @param alpha a pair's change is alpha / rank * B A
 * @param pairs B's rows in transformers' order
 */
export function writePeft(
  baseModel: string | undefined,
  alpha: number,
  pairs: readonly LoraPair[],
): { config: string; weights: Uint8Array } {
  const sorted = sortPairs(pairs);
  const tensors = new Map<string, SafeTensor>();
  for (const { layer, projection, a, b } of sorted) {
    const name = `base_model.model.model.layers.${layer}.${projection.module}`;
    tensors.set(`${name}.lora_A.weight`, tensorOf(a));
    tensors.set(`${name}.lora_B.weight`, tensorOf(b));
  }
  const rank = commonest(sorted.map(({ a }) => a.rows));
  const others = sorted.filter(({ a }) => a.rows !== rank);
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseModel ?? null,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    target_modules: targetsOf(sorted),
    rank_pattern: Object.fromEntries(
      others.map(({ layer, projection, a }) => [
        `layers.${layer}.${projection.module}`,
        a.rows,
      ]),
    ),
    lora_dropout: 0,
    bias: "none",
    use_rslora: false,
    use_dora: false,
    fan_in_fan_out: false,
    init_lora_weights: true,
  };
  return {
    config: `${JSON.stringify(config, null, 2)}\n`,
    weights: writeSafetensors(tensors),
  };
}

function tensorOf({ dtype, rows, columns, bytes }: Matrix): SafeTensor {
  return { dtype, shape: [rows, columns], bytes };
}

function commonest(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((x, y) => y[1] - x[1])[0]![0];
}

/** Short names where each of them stands in every layer, else the modules' own: PEFT puts LoRA on whatever matches. */
function targetsOf(pairs: readonly LoraPair[]): string[] {
  const names = [...new Set(pairs.map(({ projection }) => projection.peft))];
  const layers = new Set(pairs.map(({ layer }) => layer));
  const whole =
    pairs.length === names.length * layers.size &&
    Math.max(...layers) === layers.size - 1;
  return whole
    ? names
    : pairs.map(
        ({ layer, projection }) => `layers.${layer}.${projection.module}`,
      );
}
