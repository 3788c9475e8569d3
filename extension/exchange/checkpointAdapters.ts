/** The LoRA adapters in a run's checkpoints: GGUF as Forksight's trainers write them, PEFT as others do. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { PEFT_FOLDER } from "../../core/exchange/peft";
import { checkpointName, RUN_FOLDER, stepOfName } from "../../core/run/folder";
import { readDescription } from "../../core/run/readFolder";
import { LARGEST_JSON, readRegular } from "../runs/regularFile";
import type { Cli } from "./cli";

export interface CheckpointAdapter {
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly step: number;
  /** Absolute path of the checkpoint folder. */
  readonly checkpoint: string;
  readonly form: "gguf" | "peft";
}

/** The checkpoints with an adapter in either form, newest first. Never throws. */
export async function checkpointAdapters(
  folder: string,
): Promise<CheckpointAdapter[]> {
  const root = join(folder, RUN_FOLDER.checkpoints);
  const names = await readdir(root).catch(() => [] as string[]);
  return names
    .map(stepOfName)
    .filter((step) => step !== undefined)
    .sort((a, b) => b - a)
    .flatMap((step) => {
      const checkpoint = join(root, checkpointName(step));
      const form = formOf(checkpoint);
      return form === undefined ? [] : [{ folder, step, checkpoint, form }];
    });
}

function formOf(checkpoint: string): "gguf" | "peft" | undefined {
  if (existsSync(join(checkpoint, RUN_FOLDER.adapter))) return "gguf";
  return existsSync(join(checkpoint, PEFT_FOLDER.weights)) ? "peft" : undefined;
}

/**
 * The base model of a run where it is on this machine: what run.json names, else what the adapter's own configuration
 * does. A GGUF file or a Hugging Face folder.
 */
export async function baseOnDisk(
  folder: string | undefined,
  adapter: string,
): Promise<string | undefined> {
  const named = [
    folder === undefined ? undefined : await modelOfRun(folder),
    await baseOfPeft(adapter),
  ];
  return named.find((path) => path !== undefined && existsSync(path));
}

async function modelOfRun(folder: string): Promise<string | undefined> {
  try {
    const text = await readRegular(join(folder, RUN_FOLDER.run), LARGEST_JSON);
    const read = readDescription(text);
    return read.ok && read.value.model.path !== ""
      ? read.value.model.path
      : undefined;
  } catch {
    return undefined;
  }
}

async function baseOfPeft(adapter: string): Promise<string | undefined> {
  try {
    const text = await readRegular(
      join(adapter, PEFT_FOLDER.config),
      LARGEST_JSON,
    );
    const { base_model_name_or_path: base } = JSON.parse(text) as Record<
      string,
      unknown
    >;
    return typeof base === "string" && base !== "" ? base : undefined;
  } catch {
    return undefined;
  }
}

/** Gives the GGUF adapter of a checkpoint; one in PEFT's form is converted once and kept beside it. */
export class CheckpointAdapters {
  /** By path of the GGUF file, so that two who ask share one conversion. */
  private readonly underway = new Map<string, Promise<string>>();

  constructor(private readonly cli: Cli) {}

  /**
   * @param folder absolute path of the run folder
   * @param base the base model where the run and the adapter do not name one that is on this machine
   * @returns absolute path of adapter.gguf
   * @throws Error where the checkpoint has no adapter, or one that cannot be converted; the signal's reason
   */
  async of(
    folder: string,
    step: number,
    signal: AbortSignal,
    base?: string,
  ): Promise<string> {
    const checkpoint = join(
      folder,
      RUN_FOLDER.checkpoints,
      checkpointName(step),
    );
    const adapter = join(checkpoint, RUN_FOLDER.adapter);
    const form = formOf(checkpoint);
    if (form === "gguf") return adapter;
    if (form === undefined)
      throw new Error(
        `${checkpoint} holds no adapter: ${RUN_FOLDER.adapter} or PEFT's ${PEFT_FOLDER.weights} is expected there.`,
      );
    const known = this.underway.get(adapter);
    if (known !== undefined) return known;
    const converted = this.convert(folder, checkpoint, signal, base).finally(
      () => this.underway.delete(adapter),
    );
    this.underway.set(adapter, converted);
    return converted;
  }

  private async convert(
    folder: string,
    checkpoint: string,
    signal: AbortSignal,
    base: string | undefined,
  ): Promise<string> {
    const adapter = join(checkpoint, RUN_FOLDER.adapter);
    const model = base ?? (await baseOnDisk(folder, checkpoint));
    if (model === undefined)
      throw new Error(
        `The base model of ${checkpoint} is not on this machine, and its adapter cannot be converted without it: use Forksight: Export Adapter, which asks for it.`,
      );
    // Written under another name and renamed, so that a killed conversion leaves nothing.
    await this.cli.run(
      ["adapter", checkpoint, adapter, "--base", model, "--force"],
      signal,
    );
    return adapter;
  }
}
