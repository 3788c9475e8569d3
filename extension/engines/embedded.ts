import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CancellationToken } from "vscode";
import { isAlive, RUN_FOLDER } from "../../core/run/folder";
import { CUDA_FOLDER_VARIABLE } from "../../core/engine/protocol";
import { readStatus } from "../../core/run/readFolder";
import { type TrainerCommand, startTrainer } from "./trainerProcess";
import type {
  Availability,
  Launch,
  Resumption,
  TrainingEngine,
} from "./trainingEngine";

/** The trainer that comes with Forksight: `dist/cli.mjs train`, a process that knows nothing of VS Code. */
export class EmbeddedEngine implements TrainingEngine {
  readonly id = "embedded";
  readonly label = "Embedded";
  readonly description =
    "llama.cpp on this machine, in a process of its own; nothing to install";

  /**
   * @param cliFile absolute path of dist/cli.mjs
   * @param cudaFolder the folder of the installed CUDA libraries, if any
   */
  constructor(
    private readonly cliFile: string,
    private readonly cudaFolder: () => string | undefined,
  ) {}

  availability(): Promise<Availability> {
    return Promise.resolve(
      existsSync(this.cliFile)
        ? { available: true, detail: "Comes with Forksight." }
        : {
            available: false,
            missing: [
              `${this.cliFile} is not there; install the extension again.`,
            ],
          },
    );
  }

  async launch(
    launch: Launch,
    token: CancellationToken,
    onWords?: (line: string) => void,
  ): Promise<void> {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    const description = join(launch.folder, RUN_FOLDER.run);
    try {
      await startTrainer(
        this.command(launch.folder, launchArguments(launch)),
        () => existsSync(description),
        abort.signal,
        onWords,
      );
    } finally {
      cancelled.dispose();
    }
  }

  resume(resumption: Resumption): Promise<void> {
    const { folder } = resumption;
    return startTrainer(
      this.command(folder, resumeArguments(resumption)),
      (pid) => isAtWork(folder, pid),
    );
  }

  async stop(folder: string): Promise<void> {
    await writeFile(join(folder, RUN_FOLDER.stop), "");
  }

  private command(folder: string, args: readonly string[]): TrainerCommand {
    const cudaFolder = this.cudaFolder();
    return {
      program: process.execPath,
      args: [this.cliFile, ...args],
      env: {
        ELECTRON_RUN_AS_NODE: "1",
        ...(cudaFolder !== undefined && { [CUDA_FOLDER_VARIABLE]: cudaFolder }),
      },
      folder,
    };
  }
}

/** The command line of a launch, from `train` on. */
export function launchArguments(launch: Launch): string[] {
  return [
    "train",
    launch.runFile,
    "--out",
    launch.folder,
    ...launch.overrides.flatMap(({ field, value }) => [
      "--set",
      `${field}=${value}`,
    ]),
    ...(launch.trustRewards ? ["--trust-rewards"] : []),
  ];
}

/** The command line of a resumption, from `resume` on. */
export function resumeArguments(resumption: Resumption): string[] {
  const { folder, steps, trustRewards } = resumption;
  return [
    "resume",
    folder,
    ...(steps === undefined ? [] : ["--set", `steps=${steps}`]),
    ...(trustRewards ? ["--trust-rewards"] : []),
  ];
}

/** Whether the status is of this process; the trainer also speaks up by failing, which is for the caller's list to show. */
export function isAtWork(folder: string, pid: number): boolean {
  try {
    const text = readFileSync(join(folder, RUN_FOLDER.status), "utf8");
    const read = readStatus(text);
    return read.ok && read.value.pid === pid && isAlive(read.value, Date.now());
  } catch {
    return false;
  }
}
