import * as vscode from "vscode";
import { type Address, readAddress } from "../ray/address";
import { Followers } from "../ray/followers";
import { JobsClient } from "../ray/jobsClient";
import { type JobPlace, launchJob, resumeJob, stopJob } from "../ray/launchJob";
import { readRayState } from "../ray/rayState";
import { readEngineSettings } from "./engineSettings";
import type {
  Availability,
  Launch,
  Resumption,
  TrainingEngine,
} from "./trainingEngine";

/** Run folders whose jobs were not over when they were last looked at. */
const FOLLOWED = "ray.followed";

/** Milliseconds that an answer about the cluster is good for. */
const REMEMBERED = 15_000;

const ADDRESS_SETTING = "forksight.ray.address";

/** TRL on a Ray cluster, through its Jobs interface. A job's run folder is made here from what the job prints. */
export class RayEngine implements TrainingEngine, vscode.Disposable {
  readonly id = "ray";
  readonly label = "Ray cluster";
  readonly description =
    "Hugging Face TRL under Ray Train, on the workers of a cluster; needs its address";

  private readonly followers: Followers;
  private readonly closing = new AbortController();
  private remembered:
    { at: number; key: string; answer: Availability } | undefined;

  /** @param pythonSource folder that holds forksight_trl */
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly pythonSource: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.followers = new Followers(
      (address) => this.clientFor(address as Address),
      (line) => log.info(`Ray: ${line}`),
      (folder) => this.forget(folder),
    );
    // Only runs that were launched here, by this user: a folder that came with a workspace names no address to call.
    for (const folder of this.followed()) this.followers.follow(folder);
  }

  async availability(): Promise<Availability> {
    let address: Address | undefined;
    try {
      address = readAddress(readEngineSettings().rayAddress);
    } catch (error) {
      return lacking((error as Error).message);
    }
    if (address === undefined)
      return lacking(
        "There is no cluster: set forksight.ray.address to the Ray dashboard's address, such as http://head-node:8265.",
      );
    const client = await this.clientFor(address);
    const key = `${address} ${client.cluster.token ?? ""}`;
    const { remembered } = this;
    if (remembered?.key === key && Date.now() - remembered.at < REMEMBERED)
      return remembered.answer;
    let answer: Availability;
    try {
      const version = await client.version();
      answer = { available: true, detail: `Ray ${version} at ${address}` };
    } catch (error) {
      answer = lacking((error as Error).message);
    }
    this.remembered = { at: Date.now(), key, answer };
    return answer;
  }

  async launch(launch: Launch, token: vscode.CancellationToken): Promise<void> {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      await launchJob(launch, await this.place(), abort.signal);
    } finally {
      cancelled.dispose();
    }
    await this.follow(launch.folder);
  }

  async resume({ folder, steps, trustRewards }: Resumption): Promise<void> {
    await this.followers.leave(folder);
    try {
      await resumeJob(folder, steps, trustRewards, await this.place());
    } finally {
      await this.follow(folder);
    }
  }

  async stop(folder: string): Promise<void> {
    const { address } = await readRayState(folder);
    const client = await this.clientFor(address as Address);
    await stopJob(folder, client, this.closing.signal);
  }

  /** Asks for the token of the cluster in the settings, and keeps it in the operating system's store of secrets. */
  async setToken(): Promise<void> {
    const address = readAddress(readEngineSettings().rayAddress);
    if (address === undefined)
      throw new Error(
        "A token belongs to a cluster: set forksight.ray.address first.",
      );
    const token = await vscode.window.showInputBox({
      title: "Ray Token",
      prompt: `Sent to ${address} and nowhere else, as "Authorization: Bearer". Empty removes it.`,
      password: true,
      ignoreFocusOut: true,
      validateInput: (value) =>
        /^[\x21-\x7e]*$/.test(value.trim())
          ? undefined
          : "A token has no spaces and no characters beyond ASCII.",
    });
    if (token === undefined) return;
    if (token.trim() === "") return this.clearToken();
    await this.context.secrets.store(secretOf(address), token.trim());
    await this.followers.again();
    if (address.startsWith("http://") && !isLocal(address))
      void vscode.window.showWarningMessage(
        `Forksight: the token is kept. ${address} is not encrypted, so whoever listens on the way can read it; https:// is better.`,
      );
  }

  /** Removes the token of the cluster in the settings. */
  async clearToken(): Promise<void> {
    const address = readAddress(readEngineSettings().rayAddress);
    if (address !== undefined)
      await this.context.secrets.delete(secretOf(address));
  }

  dispose(): void {
    void this.close();
  }

  /** The jobs go on. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.followers.close();
  }

  private async place(): Promise<JobPlace> {
    const { rayAddress, rayPip, rayStorage } = readEngineSettings();
    const address = readAddress(rayAddress);
    if (address === undefined)
      throw new Error(`There is no cluster: set ${ADDRESS_SETTING}.`);
    const { version } = this.context.extension.packageJSON as {
      version: string;
    };
    return {
      client: await this.clientFor(address),
      storage: rayStorage,
      pip: rayPip,
      pythonSource: this.pythonSource,
      version,
      log: (line) => this.log.info(`Ray: ${line}`),
    };
  }

  /** A token goes to the address that it was given for. */
  private async clientFor(address: Address): Promise<JobsClient> {
    const token = await this.context.secrets.get(secretOf(address));
    return new JobsClient({ address, token });
  }

  private followed(): readonly string[] {
    return this.context.globalState.get<string[]>(FOLLOWED, []);
  }

  private async follow(folder: string): Promise<void> {
    this.followers.follow(folder);
    const others = this.followed().filter((one) => one !== folder);
    await this.context.globalState.update(FOLLOWED, [...others, folder]);
  }

  private async forget(folder: string): Promise<void> {
    const others = this.followed().filter((one) => one !== folder);
    await this.context.globalState.update(FOLLOWED, others);
  }
}

function lacking(why: string): Availability {
  return {
    available: false,
    missing: [why],
    remedy: {
      title: "Open Settings",
      command: "forksight.openRaySettings",
    },
  };
}

function secretOf(address: Address): string {
  return `ray.token ${address}`;
}

function isLocal(address: Address): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(
    new URL(address).hostname,
  );
}
