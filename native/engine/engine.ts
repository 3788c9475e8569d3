import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type {
  AnnotateParams,
  DescribedModel,
  EngineConfiguration,
  EngineHealth,
  PiecesParams,
  TokenPieces,
} from "../../core/engine/protocol";
import { annotate, checkAnnotateParams } from "./annotate";
import { describeModels } from "./describe";
import { EngineFailure } from "./failure";
import type { Llama } from "./llama";
import { LoadedModel } from "./loadedModel";
import { SerialQueue } from "./serialQueue";
import { Vocabulary } from "./vocabulary";

export interface EngineOptions {
  readonly openLlama: (configuration: EngineConfiguration) => Promise<Llama>;
  readonly notifyHealth: (health: EngineHealth) => void;
}

const MINUTE = 60_000;
/** Milliseconds between two notes about a model that is being loaded. */
const LOADING_INTERVAL = 50;

/** What the engine process does, apart from its channel: one model at a time, one request at a time on it. */
export class Engine {
  private readonly queue = new SerialQueue();
  private configuration: EngineConfiguration = {
    gpu: "auto",
    idleUnloadMinutes: 0,
    threads: 0,
  };
  private llama: Promise<Llama> | undefined;
  private loaded: LoadedModel | undefined;
  private vocabulary: Vocabulary | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  private requests = 0;

  constructor(private readonly options: EngineOptions) {}

  /** The back end is chosen by the first configuration; a later change of it is a new process, which the client starts. */
  configure(configuration: EngineConfiguration): void {
    this.configuration = configuration;
    // Opened ahead: by the time the first trace comes, the back end is known. Whoever needs it meets its error.
    this.openLlama().catch(() => undefined);
    this.watchIdle();
  }

  async annotate(
    params: AnnotateParams,
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void,
  ): Promise<ScoredTrace> {
    checkAnnotateParams(params);
    return this.busy(() =>
      this.queue.run(async () => {
        signal.throwIfAborted();
        const loaded = await this.load(params.modelPath, signal);
        signal.throwIfAborted();
        const scored = await annotate(loaded, params, {
          threads: this.configuration.threads,
          signal,
          onProgress,
        });
        // A failure of an earlier request is over.
        this.options.notifyHealth(loaded.ready);
        return scored;
      }),
    );
  }

  async describeModels(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<DescribedModel[]> {
    const llama = await this.openLlama();
    return describeModels(llama, paths, () => signal.aborted);
  }

  /** The bytes of tokens. Leaves the loaded model where it is. */
  async pieces(
    { modelPath, ids }: PiecesParams,
    signal: AbortSignal,
  ): Promise<TokenPieces> {
    return this.busy(() =>
      this.queue.run(async () => {
        if (this.vocabulary?.is(modelPath) !== true) {
          this.vocabulary?.free();
          this.vocabulary = undefined;
          const llama = await this.openLlama();
          this.vocabulary = await Vocabulary.load(modelPath, llama, signal);
        }
        return this.vocabulary.pieces(ids);
      }),
    );
  }

  unload(): Promise<void> {
    return this.queue.run(() => {
      this.free();
      this.vocabulary?.free();
      this.vocabulary = undefined;
      return Promise.resolve();
    });
  }

  private openLlama(): Promise<Llama> {
    this.llama ??= this.options.openLlama(this.configuration);
    return this.llama;
  }

  private async load(path: string, signal: AbortSignal): Promise<LoadedModel> {
    if (this.loaded?.is(path) === true) {
      return this.loaded;
    }
    this.free();
    try {
      const llama = await this.openLlama();
      let told = 0;
      this.loaded = await LoadedModel.load(
        path,
        llama,
        (model, fraction) => {
          const now = performance.now();
          if (
            fraction === 0 ||
            fraction === 1 ||
            now - told > LOADING_INTERVAL
          ) {
            told = now;
            this.options.notifyHealth({ state: "loading", model, fraction });
          }
        },
        signal,
      );
      this.options.notifyHealth(this.loaded.ready);
      return this.loaded;
    } catch (error) {
      if (signal.aborted) {
        this.options.notifyHealth({ state: "idle" });
        throw error;
      }
      this.options.notifyHealth({
        state: "failed",
        message: error instanceof Error ? error.message : String(error),
        action: error instanceof EngineFailure ? error.action : "retry",
      });
      throw error;
    }
  }

  private free(): void {
    if (this.loaded !== undefined) {
      this.loaded.free();
      this.loaded = undefined;
      this.options.notifyHealth({ state: "idle" });
    }
  }

  /** Counts a request, so that the model is unloaded only after a time without any. */
  private async busy<T>(task: () => Promise<T>): Promise<T> {
    this.requests += 1;
    clearTimeout(this.idleTimer);
    try {
      return await task();
    } finally {
      this.requests -= 1;
      this.watchIdle();
    }
  }

  private watchIdle(): void {
    clearTimeout(this.idleTimer);
    const { idleUnloadMinutes } = this.configuration;
    if (this.requests === 0 && idleUnloadMinutes > 0) {
      this.idleTimer = setTimeout(() => {
        void this.unload();
      }, idleUnloadMinutes * MINUTE);
      this.idleTimer.unref();
    }
  }
}
