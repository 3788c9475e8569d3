import { existsSync } from "node:fs";
import type { CancellationToken } from "vscode";
import { CUDA_FOLDER_VARIABLE } from "../../core/engine/protocol";
import {
  askToStop,
  launchArguments,
  launchHere,
  resumeArguments,
  resumeHere,
} from "./localTrainer";
import type { TrainerCommand } from "./trainerProcess";
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

  launch(
    launch: Launch,
    token: CancellationToken,
    onWords?: (line: string) => void,
  ): Promise<void> {
    const command = this.command(launch.folder, launchArguments(launch));
    return launchHere(command, token, onWords);
  }

  resume(resumption: Resumption): Promise<void> {
    return resumeHere(
      this.command(resumption.folder, resumeArguments(resumption)),
    );
  }

  stop(folder: string): Promise<void> {
    return askToStop(folder);
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
