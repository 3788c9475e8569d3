import type { CancellationToken } from "vscode";
import {
  choosePython,
  type TrlPackage,
  type TrlVersions,
} from "../trl/trlPackage";
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

const REMEDY = { title: "Set Up TRL", command: "forksight.setUpTrl" };

/** What the engine asks of its surroundings. */
export interface TrlSurroundings {
  /** The setting forksight.trl.python; empty for none. */
  pythonSetting(): string;
  /** The environment of "Set Up TRL" where it is complete. */
  environment(): string | undefined;
}

/** TRL's GRPOTrainer in a Python of this machine: the package forksight_trl, which comes with the extension. */
export class TrlEngine implements TrainingEngine {
  readonly id = "trl";
  readonly label = "TRL (this machine)";
  readonly description =
    "Hugging Face TRL with PyTorch, on the CPU or this machine's GPUs; needs a Python with its packages";

  /** Versions by interpreter: asking takes seconds. */
  private readonly asked = new Map<string, TrlVersions>();

  constructor(
    private readonly trl: TrlPackage,
    private readonly surroundings: TrlSurroundings,
  ) {}

  /** Forgets what Pythons said: one was set up anew. */
  forget(): void {
    this.asked.clear();
  }

  async availability(): Promise<Availability> {
    const python = this.python();
    if (python === undefined)
      return {
        available: false,
        missing: [
          "There is no Python with TRL yet: set it up, or set forksight.trl.python to one.",
        ],
        remedy: REMEDY,
      };
    let found: TrlVersions;
    try {
      found = await this.versions(python.program);
    } catch (error) {
      return this.lacking(python.from, [`${(error as Error).message}.`]);
    }
    const { missing, unfit, needed } = found;
    const lacks = [
      ...(missing.length > 0
        ? [`${python.program} lacks ${missing.join(", ")}.`]
        : []),
      ...(unfit.length > 0
        ? [`${python.program} has ${unfit.join(", ")}.`]
        : []),
    ];
    if (lacks.length > 0) return this.lacking(python.from, lacks);
    const releases = ["trl", "torch", "transformers"].map(
      (name) => `${name} ${needed[name] ?? "?"}`,
    );
    return {
      available: true,
      detail: `${releases.join(", ")}, Python ${found.python} (${python.program})`,
    };
  }

  async launch(
    launch: Launch,
    token: CancellationToken,
    onWords?: (line: string) => void,
  ): Promise<void> {
    const command = this.command(launch.folder, launchArguments(launch));
    await launchHere(command, token, onWords);
  }

  async resume(resumption: Resumption): Promise<void> {
    await resumeHere(
      this.command(resumption.folder, resumeArguments(resumption)),
    );
  }

  stop(folder: string): Promise<void> {
    return askToStop(folder);
  }

  /** One process, which becomes several by torchrun where the run file asks for them. */
  private command(folder: string, args: readonly string[]): TrainerCommand {
    const python = this.python();
    if (python === undefined)
      throw new Error(`There is no Python with TRL yet. Run "Set Up TRL".`);
    return {
      program: python.program,
      args: ["-m", "forksight_trl", ...args],
      env: this.trl.environment(),
      folder,
    };
  }

  private python() {
    return choosePython(
      this.surroundings.pythonSetting(),
      this.surroundings.environment(),
    );
  }

  private async versions(program: string): Promise<TrlVersions> {
    const known = this.asked.get(program);
    if (known) return known;
    const found = await this.trl.versions(program);
    // What is lacking may be installed at any time.
    if (found.missing.length === 0 && found.unfit.length === 0)
      this.asked.set(program, found);
    return found;
  }

  private lacking(
    from: "setting" | "made",
    missing: readonly string[],
  ): Availability {
    return from === "made"
      ? { available: false, missing, remedy: REMEDY }
      : {
          available: false,
          missing: [
            ...missing,
            "Install what is missing there, or empty the setting forksight.trl.python and set TRL up.",
          ],
          remedy: REMEDY,
        };
  }
}
