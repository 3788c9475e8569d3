/** A user's own reward function, in a process of its own with a time limit. Only ever started for a trusted run file. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RunSettings } from "../../core/run/settings";
import type { Problem } from "../../core/tasks/problem";
import type { Completion } from "../../core/tasks/reward";
import { RunError } from "./runError";

/** Seconds that the module may take to load: imports of machine-learning packages are slow. */
const LOAD_SECONDS = 120;
/** Lines of what the user's code prints that are kept for the log, at most, per call. */
const PRINTED_LINES = 20;

export interface RewardProcessOptions {
  readonly kind: "javascript" | "python";
  readonly file: string;
  /** Interpreter of a Python reward. */
  readonly python: string;
  readonly timeoutSeconds: number;
  /** Names of the data's columns: each is handed over in every call, null where a problem lacks it. */
  readonly columns: readonly string[];
  readonly log: (text: string) => void;
}

interface Waiting {
  readonly resolve: (message: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  readonly ready?: boolean;
  readonly rewards?: number[];
  readonly error?: string;
}

/** One process; calls come one after another. A call that fails or takes too long ends it. */
export class RewardProcess {
  private waiting: Waiting | undefined;
  private printed = 0;
  private ended: string | undefined;
  private readonly onExit = () => this.child.kill("SIGKILL");

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    private readonly lines: Interface,
    private readonly options: RewardProcessOptions,
  ) {
    lines.on("line", (line) => this.receive(line));
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (this.printed++ < PRINTED_LINES)
        options.log(`reward: ${line.slice(0, 2000)}`);
    });
    child.on("error", (error) => this.fail(`cannot be run: ${error.message}`));
    child.on("exit", (code, signal) =>
      this.fail(`ended by itself (${signal ?? `exit code ${code}`})`),
    );
    // The pipe of a process that is gone; `exit` says why.
    child.stdin.on("error", () => undefined);
    process.on("exit", this.onExit);
  }

  /** Starts the process and waits until it has loaded the user's file. @throws RunError */
  static async start(options: RewardProcessOptions): Promise<RewardProcess> {
    if (!existsSync(options.file)) {
      throw new RunError(
        `The reward ${options.file} is not there. Name its file in reward.file, relative to the run file.`,
      );
    }
    const [program, host] =
      options.kind === "python"
        ? [options.python, hostFile("reward_host.py")]
        : [process.execPath, hostFile("reward-host.mjs", "rewardHost.mjs")];
    const child = spawn(program, [host, options.file], {
      cwd: dirname(options.file),
      env: {
        ...process.env,
        ELECTRON_RUN_AS_NODE: "1",
        PYTHONUNBUFFERED: "1",
        PYTHONDONTWRITEBYTECODE: "1",
      },
      stdio: ["pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    const lines = createInterface({ input: child.stdout });
    const started = new RewardProcess(child, lines, options);
    await started.answer(LOAD_SECONDS, "load");
    return started;
  }

  /** Called as TRL calls a reward function: prompts and completions as the data has them, other columns as lists. */
  async score(
    completions: readonly Completion[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const request = {
      prompts: completions.map(({ problem }) => problem.prompt),
      completions: completions.map(({ problem, text }) =>
        typeof problem.prompt === "string"
          ? text
          : [{ role: "assistant", content: text }],
      ),
      columns: Object.fromEntries(
        this.options.columns.map((name) => [
          name,
          completions.map(({ problem }) => problem.columns[name] ?? null),
        ]),
      ),
    };
    this.printed = 0;
    const answered = this.answer(this.options.timeoutSeconds, "score", signal);
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { rewards } = await answered;
    if (!Array.isArray(rewards)) throw this.error("answered without rewards");
    return rewards;
  }

  close(): void {
    this.ended ??= "was closed";
    process.off("exit", this.onExit);
    this.lines.close();
    this.child.kill("SIGKILL");
  }

  private async answer(
    seconds: number,
    to: "load" | "score",
    signal?: AbortSignal,
  ): Promise<Answer> {
    if (this.ended !== undefined) throw this.error(this.ended);
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      const message = await new Promise<Answer>((resolve, reject) => {
        this.waiting = { resolve, reject };
        timer = setTimeout(() => {
          const setting = to === "score" ? " (reward.timeoutSeconds)" : "";
          reject(
            this.error(`took longer than ${seconds} s to ${to}${setting}`),
          );
        }, seconds * 1000);
        onAbort = () => reject(signal!.reason as Error);
        signal?.addEventListener("abort", onAbort);
      });
      if (message.error !== undefined) throw this.error(message.error);
      return message;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.waiting = undefined;
      clearTimeout(timer);
      if (onAbort) signal?.removeEventListener("abort", onAbort);
    }
  }

  private receive(line: string): void {
    try {
      this.waiting?.resolve(JSON.parse(line) as Answer);
    } catch {
      this.fail(`answered with what is no JSON: ${line.slice(0, 100)}`);
    }
  }

  private fail(how: string): void {
    this.ended ??= how;
    this.waiting?.reject(this.error(how));
  }

  private error(what: string): RunError {
    return new RunError(`${this.options.file}: ${what}`);
  }
}

/** The reward process that a run file asks for, where it asks for one. @param problems all data of the run */
export function rewardProcessOptions(
  reward: RunSettings["reward"],
  problems: readonly Problem[],
  log: (text: string) => void,
): RewardProcessOptions | undefined {
  const { kind, file, python, timeoutSeconds } = reward;
  if ((kind !== "javascript" && kind !== "python") || file === undefined)
    return undefined;
  const columns = [
    ...new Set(problems.flatMap((problem) => Object.keys(problem.columns))),
  ];
  return { kind, file, python, timeoutSeconds, columns, log };
}

/** The host beside the bundle, or beside this source where it runs unbundled. */
function hostFile(...names: string[]): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const found = names
    .map((name) => join(here, name))
    .find((path) => existsSync(path));
  if (found === undefined) {
    throw new RunError(
      `Forksight's ${names[0]} is missing beside ${here}. Build Forksight anew (npm run build).`,
    );
  }
  return found;
}
