import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { CancellationToken } from "vscode";
import { isAlive, RUN_FOLDER } from "../../core/run/folder";
import { readDescription, readStatus } from "../../core/run/readFolder";
import { readRunFile } from "../../core/run/runFile";
import {
  choosePython,
  type TrlPackage,
  type TrlVersions,
} from "../trl/trlPackage";
import { launchArguments, resumeArguments } from "./embedded";
import { startTrainer, type TrainerCommand } from "./trainerProcess";
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

/** What the settings say about processes. */
interface Processes {
  /** 1, or more by torchrun. */
  readonly count: number;
  /** CPU threads of all together; 0 takes the machine's. */
  readonly threads: number;
  readonly gpu: string;
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

  async launch(launch: Launch, token: CancellationToken): Promise<void> {
    const text = await readFile(launch.runFile, "utf8");
    const read = readRunFile(text, launch.overrides);
    if (!read.ok) throw new Error(read.errors[0]!.message);
    const { settings } = read;
    const command = await this.command(launchArguments(launch), launch.folder, {
      count: settings.trl?.processes ?? 1,
      threads: settings.threads,
      gpu: settings.gpu,
    });
    const description = join(launch.folder, RUN_FOLDER.run);
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      await startTrainer(
        command,
        () => existsSync(description),
        abort.signal,
      );
    } finally {
      cancelled.dispose();
    }
  }

  async resume(resumption: Resumption): Promise<void> {
    const { folder } = resumption;
    const processes = processesOf(folder);
    const command = await this.command(
      resumeArguments(resumption),
      folder,
      processes,
    );
    const since = Date.now();
    // Of several processes it is torchrun that was started, and the first of its own that writes.
    await startTrainer(command, (pid) =>
      isAtWork(folder, since, processes.count === 1 ? pid : undefined),
    );
  }

  async stop(folder: string): Promise<void> {
    await writeFile(join(folder, RUN_FOLDER.stop), "");
  }

  private async command(
    args: readonly string[],
    folder: string,
    processes: Processes,
  ): Promise<TrainerCommand> {
    const python = this.python();
    if (python === undefined)
      throw new Error(`There is no Python with TRL yet. Run "Set Up TRL".`);
    const { build } = await this.versions(python.program);
    const onCpu = processes.gpu === "off" || build === "cpu";
    return {
      program: python.program,
      args: [...moduleArguments(processes.count), ...args],
      env: {
        ...this.trl.environment(),
        OMP_NUM_THREADS: String(threadsEach(processes)),
        ...(onCpu && { ACCELERATE_USE_CPU: "1" }),
      },
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

/**
 * Python's arguments up to the package's own. Several processes go through torchrun: `accelerate launch --cpu` would
 * silently start one.
 */
export function moduleArguments(processes: number): string[] {
  const module = ["-m", "forksight_trl"];
  return processes === 1
    ? module
    : [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        String(processes),
        ...module,
      ];
}

function threadsEach({ count, threads }: Processes): number {
  const all = threads > 0 ? threads : availableParallelism();
  return Math.max(1, Math.floor(all / count));
}

/** From run.json; a run whose settings cannot be read goes on as one process, and the package says what is wrong. */
function processesOf(folder: string): Processes {
  const text = readFileSync(join(folder, RUN_FOLDER.run), "utf8");
  const read = readDescription(text);
  const settings = read.ok ? read.value.settings : {};
  const trl = settings["trl"] as { processes?: unknown } | undefined;
  const count = trl?.processes;
  const { threads, gpu } = settings;
  return {
    count: typeof count === "number" && count > 1 ? count : 1,
    threads: typeof threads === "number" ? threads : 0,
    gpu: typeof gpu === "string" ? gpu : "auto",
  };
}

/** Whether the status is of a trainer that was started after `since`. @param pid undefined: of any process */
function isAtWork(
  folder: string,
  since: number,
  pid: number | undefined,
): boolean {
  try {
    const text = readFileSync(join(folder, RUN_FOLDER.status), "utf8");
    const read = readStatus(text);
    if (!read.ok || !isAlive(read.value, Date.now())) return false;
    return pid === undefined
      ? Date.parse(read.value.heartbeat) > since
      : read.value.pid === pid;
  } catch {
    return false;
  }
}
