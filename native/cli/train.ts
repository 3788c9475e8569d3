/** `forksight train` and `forksight resume`. */
import { relative, resolve } from "node:path";
import { type Override, parseOverride } from "../../core/run/runFile";
import type { TrainerOptions, Outcome } from "../trainer/trainer";
import { terminalOnlooker } from "./terminal";
import { parseCommandLine } from "./parseCommandLine";
import { UsageError } from "./usageError";

export const TRAIN_HELP = `forksight train and resume: reinforcement learning with a token mask

Usage: forksight train RUN.forksight.yaml [options]
       forksight resume FOLDER [options]

  --out FOLDER          the run folder, new (default: .forksight/runs/<name>-<date>)
  --set key=value       overrides a setting of the run file, such as mask.kind=random; may be repeated.
                        resume takes steps=N alone, to go on beyond the run's end
  --trust-rewards       let a reward run that the run file names as a program of its own

The run folder holds run.json, status.json, metrics.jsonl, rollouts/, checkpoints/ and trainer.log. A file named \`stop\`
in it, or Ctrl+C, stops the run after the step under way; Ctrl+C again, or SIGTERM, at once. Either can be resumed.

Without a terminal nothing is printed but errors: trainer.log, status.json and metrics.jsonl in the run folder tell.

Exit code: 0 done or stopped on request, 1 for an error in the run, 2 for wrong usage.
`;

/** What the command line asks of the trainer. */
export type TrainCommand =
  | { readonly kind: "help" }
  | {
      readonly kind: "train";
      readonly runFile: string;
      readonly out: string | undefined;
      readonly overrides: readonly Override[];
      readonly trustRewards: boolean;
    }
  | {
      readonly kind: "resume";
      readonly folder: string;
      readonly steps: number | undefined;
      readonly trustRewards: boolean;
    };

/** Whether the command line is one of these commands. */
export function isTrainCommand(args: readonly string[]): boolean {
  return args[0] === "train" || args[0] === "resume";
}

/** @param args from `train` or `resume` on. @throws UsageError */
export function parseTrainCommand(args: readonly string[]): TrainCommand {
  const { values, positionals } = parsed(args.slice(1));
  if (values.help) return { kind: "help" };
  const [path, ...more] = positionals;
  const training = args[0] === "train";
  if (path === undefined || more.length > 0) {
    throw new UsageError(
      training ? "train takes one run file." : "resume takes one run folder.",
    );
  }
  const overrides = (values.set ?? []).map((text) => {
    const override = parseOverride(text);
    if (!override)
      throw new UsageError(
        `--set takes key=value such as mask.rho=0.1, not "${text}".`,
      );
    return override;
  });
  const trustRewards = values["trust-rewards"];
  if (training) {
    const { out } = values;
    return { kind: "train", runFile: path, out, overrides, trustRewards };
  }
  if (values.out !== undefined)
    throw new UsageError("resume goes on in the run's own folder: no --out.");
  const other = overrides.find(({ field }) => field !== "steps");
  if (other) {
    throw new UsageError(
      `resume goes on with the run's own settings; only steps can be set, not ${other.field}.`,
    );
  }
  const last = overrides.at(-1);
  const steps = last && Number(last.value);
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0))
    throw new UsageError(
      `--set steps=N takes a whole number from 1 on, not "${last!.value}".`,
    );
  return { kind: "resume", folder: path, steps, trustRewards };
}

function parsed(args: readonly string[]) {
  return parseCommandLine(args, {
    out: { type: "string" },
    set: { type: "string", multiple: true },
    "trust-rewards": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
}

/** Runs the command in this process. @throws UsageError, and errors of the run. @returns the exit code */
export async function trainCommand(
  args: readonly string[],
  version: string,
): Promise<number> {
  const command = parseTrainCommand(args);
  // The terminal, or whoever reads the output, may go away: the run goes on.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  if (command.kind === "help") {
    process.stdout.write(TRAIN_HELP);
    return 0;
  }
  process.on("SIGHUP", () => undefined);
  const onlooker = terminalOnlooker(process.stdout);
  const abort = new AbortController();
  let asked = false;
  const interrupt = () => {
    if (asked) return stopNow();
    asked = true;
    onlooker.note("stopping after this step (Ctrl+C again: at once)");
  };
  const stopNow = () => abort.abort(new Error("stopped"));
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", stopNow);
  const trainer = await import("../trainer/trainer");
  const { openLlamaPolicy } = await import("../trainer/llamaPolicy");
  const { addonRelease } = await import("../trainer/release");
  const options: TrainerOptions = {
    versions: { forksight: version, llamaCpp: addonRelease() },
    trustRewards: command.trustRewards,
    onlooker,
    abort: abort.signal,
    stopAsked: () => asked,
    openPolicy: openLlamaPolicy,
  };
  let outcome: Outcome;
  let folder: string;
  if (command.kind === "resume") {
    folder = resolve(command.folder);
    outcome = await trainer.resumeRun(folder, command.steps, options);
  } else {
    ({ folder, outcome } = await trainer.startRun(
      command.runFile,
      command.out,
      command.overrides,
      options,
    ));
  }
  onlooker.note(
    outcome === "done"
      ? "done"
      : `stopped; go on with: node ${relative("", process.argv[1]!)} resume ${folder}`,
  );
  return 0;
}
