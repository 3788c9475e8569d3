import type {
  EngineConfiguration,
  EngineHealth,
  EngineRequests,
  Progress,
} from "../../core/engine/protocol";
import { ENGINE_ERROR } from "../../core/engine/protocol";
import { EngineError, diedError } from "./engineError";
import { EngineProcess } from "./engineProcess";
import type { EngineLaunch } from "./engineProcess";
import { PendingRequest } from "./pendingRequest";
import { DEFAULT_RESTART_TIMES, RestartPolicy } from "./restartPolicy";
import type { RestartTimes } from "./restartPolicy";
import { DEFAULT_TIME_LIMITS } from "./timeLimits";
import type { TimeLimits } from "./timeLimits";

export interface EngineClientOptions extends EngineLaunch {
  readonly configuration: EngineConfiguration;
  /** For tests: when to start again. */
  readonly restartTimes?: RestartTimes;
  /** For tests: how long a silence counts as a hang. */
  readonly timeLimits?: Partial<TimeLimits>;
}

/** A request's parameters as the caller gives them: the client chooses the number that progress carries. */
export type RequestParams<M extends keyof EngineRequests> =
  EngineRequests[M]["params"] extends { readonly progressId: number }
    ? Omit<EngineRequests[M]["params"], "progressId">
    : EngineRequests[M]["params"];

export interface RequestOptions {
  /** Aborting rejects the request at once with an AbortError (`isAbort`); the engine stops within one micro-batch. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A request that died with the engine this often is to blame, and is not tried again. */
const DEATHS_OF_ONE_REQUEST = 2;

/**
 * The engine process as the extension host and the CLI see it. The process starts with the first request; when it dies
 * it is started again by `RestartPolicy`, and the requests in flight are sent again once.
 */
export class EngineClient {
  private readonly policy: RestartPolicy;
  private readonly limits: TimeLimits;
  private readonly pending = new Set<PendingRequest>();
  private readonly listeners = new Set<(health: EngineHealth) => void>();
  private configuration: EngineConfiguration;
  private engine: EngineProcess | undefined;
  /** Whether `engine` has taken its configuration, so that requests may go to it. */
  private configured = false;
  private restartTimer: NodeJS.Timeout | undefined;
  private lastHealth: EngineHealth = { state: "idle" };
  private disposed = false;
  /** All restarts were of no use: nothing starts by itself any more. A new request is one more try, without restarts. */
  private givenUp = false;
  private nextProgressId = 1;

  constructor(private readonly options: EngineClientOptions) {
    this.configuration = options.configuration;
    this.policy = new RestartPolicy(
      options.restartTimes ?? DEFAULT_RESTART_TIMES,
    );
    this.limits = { ...DEFAULT_TIME_LIMITS, ...options.timeLimits };
  }

  /** What the status item shows. */
  get health(): EngineHealth {
    return this.lastHealth;
  }

  /** The process's id while one runs. */
  get pid(): number | undefined {
    return this.engine?.pid;
  }

  /** @returns a function that removes the listener */
  onHealth(listener: (health: EngineHealth) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Sends a request, starting the engine where none runs.
   * @throws EngineError with a code of ENGINE_ERROR and the action that helps; an AbortError where `signal` aborted
   */
  request<M extends keyof EngineRequests>(
    method: M,
    params: RequestParams<M>,
    { signal, onProgress }: RequestOptions = {},
  ): Promise<EngineRequests[M]["result"]> {
    const progressId = this.nextProgressId++;
    const request = new PendingRequest({
      method,
      params: params === null ? null : { ...params, progressId },
      progressId,
      onProgress,
      limit: this.limits[method],
      signal,
      onHang: () => {
        this.endHungEngine();
      },
    });
    if (request.settled) {
      return request.result as Promise<EngineRequests[M]["result"]>;
    }
    if (this.disposed) {
      request.reject(
        new EngineError(
          ENGINE_ERROR.engineDied,
          "The engine has been shut down.",
          "none",
        ),
      );
    } else {
      this.pending.add(request);
      this.flush();
    }
    return request.result as Promise<EngineRequests[M]["result"]>;
  }

  /**
   * Takes a changed configuration over. Another choice of back end needs a new process, because libraries cannot be
   * unloaded; the requests in flight go to it.
   */
  async configure(configuration: EngineConfiguration): Promise<void> {
    const before = this.configuration;
    this.configuration = configuration;
    if (
      before.gpu !== configuration.gpu ||
      before.cudaFolder !== configuration.cudaFolder
    ) {
      await this.restart();
    } else if (this.engine !== undefined) {
      await this.request("configure", configuration);
    }
  }

  /** Starts the process ahead of the first request, so that its back end is chosen by then. Does nothing where one runs. */
  prepare(): void {
    if (
      !this.disposed &&
      this.engine === undefined &&
      this.restartTimer === undefined &&
      !this.givenUp
    ) {
      this.start();
    }
  }

  /** Starts anew after a failure: all attempts are there again. What the action "retry" does. */
  async restart(): Promise<void> {
    this.policy.reset();
    this.givenUp = false;
    clearTimeout(this.restartTimer);
    this.restartTimer = undefined;
    await this.replaceProcess();
  }

  /** Ends the process; requests in flight reject. */
  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.restartTimer);
    for (const request of this.pending) {
      request.reject(
        new EngineError(
          ENGINE_ERROR.engineDied,
          "The engine has been shut down.",
          "none",
        ),
      );
    }
    this.pending.clear();
    this.listeners.clear();
    await this.engine?.terminate();
  }

  /** `onEnd` then starts the next one; nothing is sent to this one any more. */
  private endHungEngine(): void {
    this.configured = false;
    void this.engine?.terminate();
  }

  /** Ends the running process on purpose: nobody is to blame, and what was in flight goes to its successor. */
  private async replaceProcess(): Promise<void> {
    const old = this.engine;
    this.engine = undefined;
    this.configured = false;
    for (const request of this.pending) {
      request.takeBack();
    }
    await old?.terminate();
    this.setHealth({ state: "idle" });
    this.flush();
  }

  /** Sends what waits, once a configured process is there. */
  private flush(): void {
    if (this.disposed || this.pending.size === 0) {
      return;
    }
    if (this.engine === undefined) {
      if (this.restartTimer === undefined) {
        this.start();
      }
      return;
    }
    if (!this.configured) {
      return;
    }
    const engine = this.engine;
    for (const request of this.pending) {
      if (request.waiting) {
        void request.send(engine.connection).then(() => {
          this.afterReply(request);
        });
      } else if (request.settled && !request.sent) {
        this.pending.delete(request);
      }
    }
  }

  private afterReply(request: PendingRequest): void {
    // A process that died or was replaced leaves its requests to onEnd; only an answered one is over.
    if (request.answered) {
      this.pending.delete(request);
      if (request.succeeded && request.method !== "configure") {
        this.policy.reset();
      }
    }
  }

  private start(): void {
    const engine = new EngineProcess({ ...this.options });
    this.engine = engine;
    this.configured = false;
    engine.connection.onNotification("health", (health: EngineHealth) => {
      if (this.engine === engine) {
        // Loading a model is a sign of life of the request that waits for it.
        this.touchAll();
        this.setHealth(health);
      }
    });
    engine.connection.onNotification("progress", (progress: Progress) => {
      // One scorer serves all: while it reports, those that queue behind it are alive too.
      this.touchAll();
      for (const request of this.pending) {
        request.progress(progress);
      }
    });
    engine.connection.listen();
    void engine.ended.then((how) => {
      this.onEnd(engine, how);
    });
    void this.greet(engine);
  }

  private async greet(engine: EngineProcess): Promise<void> {
    const greeting = new PendingRequest({
      method: "configure",
      params: this.configuration,
      progressId: 0,
      onProgress: undefined,
      limit: this.limits.configure,
      signal: undefined,
      onHang: () => void engine.terminate(),
    });
    greeting.result.catch((error: unknown) => {
      this.options.log(
        `engine did not take its configuration: ${String(error)}`,
      );
    });
    await greeting.send(engine.connection);
    if (this.engine === engine && greeting.succeeded) {
      this.configured = true;
      this.flush();
    } else {
      await engine.terminate();
    }
  }

  private touchAll(): void {
    for (const request of this.pending) {
      request.touch();
    }
  }

  private onEnd(engine: EngineProcess, how: string): void {
    if (this.engine !== engine || this.disposed) {
      return;
    }
    this.engine = undefined;
    const words = engine.lastWords();
    const what = `The engine process ${how}${words === "" ? "" : ` (${words})`}`;
    this.options.log(what);
    for (const request of this.pending) {
      request.countDeath();
      if (request.settled) {
        this.pending.delete(request);
      } else if (request.deaths >= DEATHS_OF_ONE_REQUEST) {
        this.pending.delete(request);
        request.reject(
          diedError(
            `${what} twice while it worked on this request (${request.describe()}). ` +
              "Choose another model, or turn the GPU off, and try again.",
          ),
        );
      }
    }
    const delay = this.policy.next();
    if (delay === undefined) {
      this.giveUp(what);
      return;
    }
    this.setHealth({
      state: "failed",
      message: `${what}. It starts again by itself.`,
      action: "none",
    });
    this.restartTimer = setTimeout(() => {
      this.restartTimer = undefined;
      this.setHealth({ state: "idle" });
      this.start();
    }, delay);
  }

  private giveUp(what: string): void {
    const message =
      `${what}, and starting it again did not help. ` +
      "Try again, choose another model, or turn the GPU off.";
    for (const request of this.pending) {
      request.reject(diedError(message));
    }
    this.pending.clear();
    this.givenUp = true;
    this.setHealth({ state: "failed", message, action: "retry" });
  }

  private setHealth(health: EngineHealth): void {
    this.lastHealth = health;
    for (const listener of this.listeners) {
      listener(health);
    }
  }
}
