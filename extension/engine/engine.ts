import * as vscode from "vscode";
import type {
  EngineConfiguration,
  EngineHealth,
  EngineRequests,
} from "../../core/engine/protocol";
import {
  EngineClient,
  type RequestOptions,
  type RequestParams,
} from "../../native/client/engineClient";
import { SECTION, readSettings } from "../configuration";

/** Settings that the engine process is told of. */
const CONFIGURED = ["gpu", "idleUnloadMinutes", "threads"];

/** The one engine of this window: it starts with the first request and follows the settings. */
export class Engine implements vscode.Disposable {
  private readonly client: EngineClient;
  private readonly healthChanged = new vscode.EventEmitter<EngineHealth>();
  private readonly subscriptions: vscode.Disposable[] = [this.healthChanged];

  /** Fires with each change of the engine's health. */
  readonly onHealth = this.healthChanged.event;

  /**
   * @param engineFile path of dist/engine.mjs
   * @param cudaFolder the folder of the installed CUDA libraries, if any
   */
  constructor(
    engineFile: string,
    private readonly log: vscode.LogOutputChannel,
    private readonly cudaFolder: () => string | undefined,
  ) {
    this.client = new EngineClient({
      engineFile,
      configuration: this.configuration(),
      log: (line) => log.info(line),
    });
    this.client.onHealth((health) => this.healthChanged.fire(health));
    this.subscriptions.push(
      vscode.workspace.onDidChangeConfiguration((change) => {
        const touched = CONFIGURED.some((name) =>
          change.affectsConfiguration(`${SECTION}.${name}`),
        );
        if (touched) void this.reconfigure();
      }),
    );
  }

  get health(): EngineHealth {
    return this.client.health;
  }

  /** The engine's process id while it runs. */
  get pid(): number | undefined {
    return this.client.pid;
  }

  /** As EngineClient.request. */
  request<M extends keyof EngineRequests>(
    method: M,
    params: RequestParams<M>,
    options?: RequestOptions,
  ): Promise<EngineRequests[M]["result"]> {
    return this.client.request(method, params, options);
  }

  /** Hands the settings to the engine; a change of back end restarts it. */
  async reconfigure(): Promise<void> {
    try {
      await this.client.configure(this.configuration());
    } catch (error) {
      this.log.error(`The engine did not take its settings: ${String(error)}`);
    }
  }

  restart(): Promise<void> {
    return this.client.restart();
  }

  /** Ends the engine process. */
  close(): Promise<void> {
    return this.client.dispose();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    void this.close();
  }

  private configuration(): EngineConfiguration {
    const { gpu, idleUnloadMinutes, threads } = readSettings();
    const cudaFolder = this.cudaFolder();
    return {
      gpu,
      idleUnloadMinutes,
      threads,
      ...(cudaFolder !== undefined && { cudaFolder }),
    };
  }
}
