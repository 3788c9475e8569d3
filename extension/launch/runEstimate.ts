import { stat } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import type { ModelDescription } from "../../core/engine/protocol";
import type { LaunchFacts } from "../../core/panels/launchProtocol";
import { duration } from "../../core/run/duration";
import {
  estimateMemory,
  estimateStepTime,
  type Lengths,
} from "../../core/run/estimate";
import type { RunSettings } from "../../core/run/settings";
import type { Engine } from "../engine/engine";
import { bytes } from "../models/modelItems";
import type { Run } from "../runs/run";
import { earlierRun, type NamedEarlierRun } from "./earlierRuns";
import { inert } from "./readDataSet";

/** Characters of a token and tokens of a chat template, where nothing better is known. */
const CHARACTERS = 3;
const TEMPLATE = 16;
const NAME_LIMIT = 60;

/** What is known of a run's prompts, in characters. */
export interface Prompts {
  readonly longestPrompt: number;
  readonly meanPrompt: number;
}

export interface Estimate {
  readonly lines: LaunchFacts["estimate"];
  /** Why the model cannot be used; undefined where it can, or nobody knows. */
  readonly modelProblem?: string;
  /** Longest context that the model was trained for, tokens. */
  readonly trainedContext?: number;
}

/** Memory and time of a run, before it starts. */
export class RunEstimate {
  private readonly models = new Map<string, Promise<Described>>();

  constructor(
    private readonly engine: Engine,
    private readonly runs: () => readonly Run[],
  ) {}

  /** @param settings with absolute paths */
  async of(
    settings: RunSettings,
    prompts: Prompts | undefined,
  ): Promise<Estimate> {
    if (settings.engine !== "embedded")
      return {
        lines: [
          {
            title: "Memory and time",
            text: "Estimated only for the embedded engine.",
          },
        ],
      };
    const { model, size } = await this.describe(settings.model);
    if (model === undefined) return { lines: [] };
    if (typeof model === "string") return { lines: [], modelProblem: model };
    const { shape, trainedContext } = model;
    if (shape === undefined)
      return {
        lines: [
          {
            title: "Memory and time",
            text: "The model's header does not say enough.",
          },
        ],
        trainedContext,
      };
    const earlier = await earlierRun(this.runs(), {
      path: settings.model,
      bytes: size,
    });
    const lengths = lengthsOf(settings, prompts, earlier);
    const memory = estimateMemory(shape, settings, lengths);
    const lines = [{ title: "Memory", text: memoryText(memory) }];
    if (earlier === undefined)
      lines.push({
        title: "Time",
        text: "No earlier run of this model to go by.",
      });
    else {
      const seconds = estimateStepTime(shape, settings, lengths, earlier);
      lines.push({ title: "Time", text: timeText(seconds, settings, earlier) });
    }
    return { lines, trainedContext };
  }

  /** Asked once for each state of the file. */
  private async describe(path: string): Promise<Described> {
    const state = await stat(path).catch(() => undefined);
    if (!state?.isFile()) return { model: undefined, size: 0 };
    const key = `${path} ${state.mtimeMs} ${state.size}`;
    let known = this.models.get(key);
    if (known === undefined) {
      known = this.engine
        .request("describeModels", { paths: [path] })
        .then(([found]) => ({
          size: state.size,
          model:
            found?.kind === "model"
              ? found.model
              : found && inert(found.message, 300),
        }));
      this.models.set(key, known);
      known.catch(() => this.models.delete(key));
    }
    return known;
  }
}

interface Described {
  /** A text says what is wrong with the file; undefined where there is none. */
  readonly model: ModelDescription | string | undefined;
  /** Bytes. */
  readonly size: number;
}

function lengthsOf(
  { rollout }: RunSettings,
  prompts: Prompts | undefined,
  earlier: NamedEarlierRun | undefined,
): Lengths {
  const tokens = (characters: number) => characters / CHARACTERS + TEMPLATE;
  return {
    longestPrompt: Math.ceil(tokens(prompts?.longestPrompt ?? 0)),
    meanPrompt: earlier?.lengths.meanPrompt ?? tokens(prompts?.meanPrompt ?? 0),
    meanCompletion: Math.min(
      rollout.maxTokens,
      earlier?.lengths.meanCompletion ?? rollout.maxTokens,
    ),
  };
}

function memoryText(memory: ReturnType<typeof estimateMemory>): string {
  const parts = `weights ${bytes(memory.weights)} (loaded twice), KV cache ${bytes(memory.cache)}, backward pass ${bytes(memory.backward)}`;
  const free = freemem();
  const machine = `${bytes(free)} of ${bytes(totalmem())} are free here`;
  const verdict =
    memory.total > free
      ? ` More than that: lower "Micro-batch" or "Rollouts at once".`
      : "";
  return `About ${bytes(memory.total)}: ${parts}. ${machine}.${verdict}`;
}

function timeText(
  seconds: number,
  { steps }: RunSettings,
  { name, tokensPerSecond }: NamedEarlierRun,
): string {
  const rate = Math.round(tokensPerSecond).toLocaleString("en");
  const step =
    seconds < 1 ? "Less than a second" : `About ${duration(seconds)}`;
  return `${step} a step, ${duration(seconds * steps)} for ${steps.toLocaleString("en")} steps without evaluation. By the rate of ${inert(name, NAME_LIMIT)} with this model (${rate} tokens per second).`;
}
