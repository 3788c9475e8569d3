import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { annotationJson } from "../../core/annotation/annotationJson";
import { cutTrace } from "../../core/annotation/cut";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { Progress } from "../../core/engine/protocol";
import { EngineClient } from "../client/engineClient";
import { renderAnsi } from "./ansi";
import type { AnnotateArguments, Format } from "./arguments";
import { readTrace } from "./input";
import type { Trace } from "./input";
import { InputError } from "./usageError";

/** What the command needs of the world. */
export interface CliWorld {
  /** dist/engine.mjs */
  readonly engineFile: string;
  /** The model that comes with Forksight. */
  readonly pocketModel: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** NO_COLOR is not set. */
  readonly colour: boolean;
  readonly writeError: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Annotates a file.
 * @returns what goes to stdout
 * @throws InputError, or the engine's own error
 */
export async function annotateFile(
  args: AnnotateArguments,
  world: CliWorld,
): Promise<string> {
  const trace = await readTrace(args.file, args.record);
  const modelPath = modelOf(args, world);
  const scored = await score(args, trace, modelPath, world);
  const cut = cutTrace(scored.entropy, args.cut);
  const format: Format =
    args.format ?? (world.stdoutIsTerminal ? "ansi" : "json");
  return format === "json"
    ? `${JSON.stringify(annotationJson(scored, cut))}\n`
    : renderAnsi(trace.text, scored, cut, { colour: world.colour });
}

function modelOf(args: AnnotateArguments, world: CliWorld): string {
  if (args.model !== undefined) {
    return resolve(args.model);
  }
  if (!existsSync(world.pocketModel)) {
    throw new InputError(
      "The pocket model is not in this installation; name a model with --model.",
    );
  }
  return world.pocketModel;
}

async function score(
  args: AnnotateArguments,
  trace: Trace,
  modelPath: string,
  world: CliWorld,
): Promise<ScoredTrace> {
  const client = new EngineClient({
    engineFile: world.engineFile,
    configuration: { gpu: args.gpu, idleUnloadMinutes: 0, threads: 0 },
    log: (line) => {
      if (args.verbose) {
        world.writeError(`${line}\n`);
      }
    },
  });
  const showsProgress = world.stderrIsTerminal && !args.verbose;
  try {
    return await client.request(
      "annotate",
      {
        modelPath,
        ...(args.adapter === undefined
          ? {}
          : { adapterPath: resolve(args.adapter) }),
        conditioning: trace.conditioning,
        text: trace.text,
        temperature: args.temperature,
        topK: args.topK,
        precision: args.precision,
        contextSize: args.contextSize,
      },
      {
        signal: world.signal,
        onProgress: showsProgress
          ? (progress) => {
              world.writeError(progressLine(progress));
            }
          : undefined,
      },
    );
  } finally {
    if (showsProgress) {
      world.writeError("\r\u001b[K");
    }
    await client.dispose();
  }
}

function progressLine({ done, total }: Progress): string {
  return `\r\u001b[K${String(done)} of ${String(total)} tokens`;
}
