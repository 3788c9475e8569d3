/** The training loop. It knows no model files and no command line: what it is given, it trains and writes down. */
import type { MetricsLine, RolloutLine } from "../../core/run/folder";
import type { RunSettings } from "../../core/run/settings";
import type { Problem } from "../../core/tasks/problem";
import type { RewardFunction } from "../../core/tasks/reward";
import { messageOf } from "../errorMessage";
import { collectRollouts, type Collected } from "./collect";
import { compareWithBase } from "./compareBase";
import { evaluate, type EvalSets } from "./evaluate";
import { metricsLine } from "./metrics";
import type { Policy } from "./policy";
import { ProblemStream } from "./problemStream";
import { RunError } from "./runError";
import type { Checkpoint, RunFolder, TrainerState } from "./runFolder";
import type { Onlooker, StatusBoard } from "./statusBoard";
import {
  type TrainingSequence,
  updatePolicy,
  type UpdateResult,
} from "./update";

/** Updates with a gradient that is not finite, one after another, that a run survives. */
const MOST_SKIPPED = 3;

export interface LoopOptions {
  readonly settings: RunSettings;
  readonly folder: RunFolder;
  readonly policy: Policy;
  readonly train: readonly Problem[];
  readonly evalSets: EvalSets;
  readonly reward: RewardFunction;
  readonly board: StatusBoard;
  readonly onlooker: Onlooker;
  /** Gives up the step under way at once. */
  readonly abort: AbortSignal;
  /** Asked after every step: whether to stop there. */
  readonly stopRequested: () => boolean;
}

/** Trains from the newest checkpoint, or from the beginning. @throws what the abort throws, and RunError */
export async function runLoop(
  options: LoopOptions,
): Promise<"done" | "stopped"> {
  return new Loop(options).run();
}

class Loop {
  private readonly problems: ProblemStream;
  private state: TrainerState = {
    format: 1,
    step: -1,
    cursor: 0,
    updates: 0,
    numTokens: 0,
    line: null,
  };
  private skippedInARow = 0;

  constructor(private readonly options: LoopOptions) {
    this.problems = new ProblemStream(options.train, options.settings.seed);
  }

  async run(): Promise<"done" | "stopped"> {
    const { folder, board, settings, onlooker } = this.options;
    const latest = folder.latestCheckpoint();
    for (const mended of folder.recover(latest?.state)) folder.log(mended);
    if (latest) {
      this.load(latest);
      this.state = latest.state;
      folder.log(`resumed after step ${latest.state.step}`);
      onlooker.note(`resumed after step ${latest.state.step}`);
    } else {
      await this.beforeTheFirst();
    }
    while (this.state.step < settings.steps) {
      if (this.options.stopRequested()) return "stopped";
      board.running(this.state.step);
      await this.step(this.state.step + 1);
    }
    return "done";
  }

  /** @throws RunError where a file of it is cut off or of another run */
  private load(checkpoint: Checkpoint): void {
    const { policy } = this.options;
    try {
      policy.kernel.importState(checkpoint.optimizerState());
      policy.rollouts.setAdapter(checkpoint.adapterPath, 1);
    } catch (error) {
      throw new RunError(
        `The checkpoint ${checkpoint.folder} cannot be loaded: ${messageOf(error)} Remove this folder, and the run goes on from the checkpoint before it.`,
      );
    }
  }

  /** Step 0: the base model's accuracy. */
  private async beforeTheFirst(): Promise<void> {
    this.options.board.running(0);
    const metrics = this.evaluates(0) ? await this.evaluate() : {};
    const line = { step: 0, time: Date.now() / 1000, ...metrics };
    const pending = this.options.folder.beginCheckpoint(0);
    this.options.policy.kernel.saveAdapter(pending.adapterPath);
    this.commit(pending, {
      ...this.state,
      step: 0,
      line: Object.keys(metrics).length > 0 ? line : null,
    });
    if (Object.keys(metrics).length > 0) this.report(line);
  }

  private async step(step: number): Promise<void> {
    const { folder, policy, settings, board } = this.options;
    const began = performance.now();
    const collected =
      settings.objective.loss === "sft" ? undefined : await this.collect(step);
    const rolloutTime = seconds(began);
    const sequences = collected?.rollouts ?? this.written();
    const updated = await updatePolicy(policy.kernel, sequences, {
      settings,
      step,
      updates: this.state.updates,
      signal: this.options.abort,
      onActivity: (activity) =>
        board.doing(activity, activity === "score" ? "scoring" : "updating"),
    });
    this.watchForDivergence(step, updated);
    const tokens =
      collected?.tokens ??
      sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    const numTokens = this.state.numTokens + tokens;
    const facts = metricsLine({
      step,
      settings,
      collected,
      updated,
      tokens,
      numTokens,
      rolloutTime,
      totalTime: seconds(began),
    });

    board.doing("save", "saving");
    const pending = folder.beginCheckpoint(step);
    policy.kernel.saveAdapter(pending.adapterPath);
    policy.rollouts.setAdapter(pending.adapterPath, 1);
    const line: MetricsLine = {
      ...facts,
      ...(this.evaluates(step) && (await this.evaluate())),
      ...(this.compares(step) && (await this.compare(sequences))),
    };
    if (collected) {
      folder.writeRollouts(
        step,
        rolloutLines(step, collected, updated, settings),
      );
    }
    this.commit(pending, {
      format: 1,
      step,
      cursor: collected?.cursor ?? this.state.cursor + sequences.length,
      updates:
        this.state.updates + Math.min(settings.miniBatches, sequences.length),
      numTokens,
      line,
    });
    this.report(line);
    board.stepDone(step, seconds(began));
  }

  private collect(step: number): Promise<Collected> {
    const { policy, settings, reward, board, abort } = this.options;
    board.doing("rollout", "sampling rollouts");
    return collectRollouts(policy, this.problems, {
      settings,
      step,
      cursor: this.state.cursor,
      reward,
      signal: abort,
      onProgress: (done, total) =>
        board.doing("rollout", "sampling rollouts", done / total),
    });
  }

  /** The next problems with the completions that the data has for them. */
  private written(): TrainingSequence[] {
    const { policy, settings } = this.options;
    return this.problems
      .take(this.state.cursor, settings.rollout.promptsPerStep)
      .map(({ prompt, completion }) => {
        const asked = policy.tokenizer.prompt(prompt);
        const answer = policy.tokenizer
          .completion(prompt, completion ?? "")
          .subarray(0, settings.rollout.maxTokens);
        const ids = new Int32Array(asked.length + answer.length);
        ids.set(asked);
        ids.set(answer, asked.length);
        return { ids, from: asked.length, advantage: 0 };
      });
  }

  private async evaluate(): Promise<Record<string, number>> {
    const { policy, evalSets, settings, reward, board, abort } = this.options;
    return evaluate(policy, evalSets, {
      settings,
      reward,
      signal: abort,
      onProgress: (set, done, total) =>
        board.doing("evaluate", `evaluating ${set}`, done / total),
    });
  }

  private async compare(
    sequences: readonly TrainingSequence[],
  ): Promise<Record<string, unknown>> {
    const { policy, settings, board, abort } = this.options;
    board.doing("compare", "comparing with the base model");
    const texts = sequences.slice(0, settings.analysis.rollouts);
    return compareWithBase(policy.kernel, texts, settings, abort);
  }

  private commit(
    pending: { folder: string; adapterPath: string },
    state: TrainerState,
  ): Checkpoint {
    const { folder, policy, settings } = this.options;
    const done = folder.commitCheckpoint(
      pending,
      state,
      policy.kernel.exportState(),
    );
    this.state = state;
    if (state.line) folder.appendMetrics(state.line);
    folder.prune(settings.checkpoints.every, settings.checkpoints.keep);
    return done;
  }

  private evaluates(step: number): boolean {
    const { eval: evaluation, steps } = this.options.settings;
    return (
      this.options.evalSets.size > 0 &&
      evaluation.every > 0 &&
      (step % evaluation.every === 0 || step === steps)
    );
  }

  private compares(step: number): boolean {
    const { analysis, steps } = this.options.settings;
    return (
      analysis.every > 0 && (step % analysis.every === 0 || step === steps)
    );
  }

  private watchForDivergence(step: number, updated: UpdateResult): void {
    this.skippedInARow = updated.skipped > 0 ? this.skippedInARow + 1 : 0;
    if (updated.skipped > 0) {
      this.options.folder.log(
        `step ${step}: ${updated.skipped} of the updates had a gradient that is not a finite number and changed nothing`,
      );
    }
    if (this.skippedInARow >= MOST_SKIPPED || !Number.isFinite(updated.loss)) {
      throw new RunError(
        `The run diverged at step ${step}: the ${Number.isFinite(updated.loss) ? "gradient" : "loss"} is not a finite number. Lower optimizer.learningRate, and resume from a checkpoint before it.`,
      );
    }
  }

  private report(line: MetricsLine): void {
    const { folder, onlooker } = this.options;
    const text = summary(line);
    folder.log(text);
    if (Object.keys(line).some((name) => name.startsWith("eval/")))
      onlooker.note(text);
  }
}

/** Rollouts of a step as they are written, whole groups from the first. */
function rolloutLines(
  step: number,
  collected: Collected,
  updated: UpdateResult,
  { loggedRollouts, rollout }: RunSettings,
): RolloutLine[] {
  const groups = Math.ceil(loggedRollouts / rollout.groupSize);
  return collected.rollouts
    .slice(0, groups * rollout.groupSize)
    .map((one, i) => ({
      step,
      group: one.group,
      prompt: one.problem.prompt,
      completion: one.text,
      reward: one.reward,
      advantage: one.advantage,
      clipped: !one.rollout.finished,
      tokens: {
        ids: [...one.rollout.ids],
        entropy: [...updated.entropy[i]!].map(rounded),
        kept: [...updated.kept[i]!] as (0 | 1)[],
      },
    }));
}

/** Five significant digits: what a colour or a reader can tell apart. */
function rounded(nats: number): number {
  return Number(nats.toPrecision(5));
}

function summary(line: MetricsLine): string {
  const shown: [string, unknown][] = [
    ["reward", line.reward],
    ["loss", line.loss],
    ["entropy", line.entropy],
    ["length", line["completions/mean_length"]],
    ["grad_norm", line.grad_norm],
    ...Object.entries(line).filter(([name]) => name.startsWith("eval/")),
    ["seconds", line.step_time],
  ];
  const parts = shown
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => `${name} ${(value as number).toPrecision(3)}`);
  return `step ${line.step}: ${parts.join(", ")}`;
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000;
}
