import { basename } from "node:path";
import {
  CancellationTokenSource,
  ErrorCodes,
  ResponseError,
} from "vscode-jsonrpc/node";
import type { MessageConnection } from "vscode-jsonrpc/node";
import type {
  EngineErrorData,
  EngineRequests,
  Progress,
} from "../../core/engine/protocol";
import { ENGINE_ERROR } from "../../core/engine/protocol";
import { EngineError, abortError } from "./engineError";

export interface PendingRequestOptions {
  readonly method: keyof EngineRequests;
  readonly params: object | null;
  readonly progressId: number;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  /** Milliseconds of silence that count as a hang. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
  /** Called when the limit passed: ends the engine. */
  readonly onHang: () => void;
}

/** Codes with which the channel, and not the engine, ends a request whose process went away. */
const CHANNEL_GONE: readonly number[] = [
  ErrorCodes.PendingResponseRejected,
  ErrorCodes.ConnectionInactive,
  ErrorCodes.MessageWriteError,
];

/**
 * One request from the caller's side: its promise, its silence timer, its cancellation, and how often the engine died
 * with it. It can be sent again to another process until it is settled.
 */
export class PendingRequest {
  readonly result: Promise<unknown>;
  /** Times that the engine died while it worked on this request. */
  deaths = 0;
  /** The engine answered, with a result or an error. */
  answered = false;
  succeeded = false;
  /** The caller's promise is settled: by a result, an error or an abort. */
  settled = false;
  /** It is with a process, and no answer has come. */
  sent = false;
  private timer: NodeJS.Timeout | undefined;
  private cancellation: CancellationTokenSource | undefined;
  private settle!: { resolve(value: unknown): void; reject(e: Error): void };

  constructor(private readonly options: PendingRequestOptions) {
    this.result = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    const { signal } = options;
    if (signal?.aborted === true) {
      this.reject(abortError());
    } else {
      signal?.addEventListener("abort", this.abort, { once: true });
    }
  }

  get method(): keyof EngineRequests {
    return this.options.method;
  }

  /** Neither sent nor settled. */
  get waiting(): boolean {
    return !this.sent && !this.settled;
  }

  /** Sends it, and resolves (never rejects) when the engine answered or went away; see `answered`. */
  async send(connection: MessageConnection): Promise<void> {
    this.sent = true;
    const cancellation = new CancellationTokenSource();
    this.cancellation = cancellation;
    this.touch();
    const { method, params } = this.options;
    try {
      const value: unknown = await connection.sendRequest(
        method,
        // Without parameters the cancellation token would slip into their place at the other end.
        params ?? {},
        cancellation.token,
      );
      if (this.cancellation === cancellation) {
        this.answered = true;
        this.succeeded = true;
        this.finish(() => {
          this.settle.resolve(value);
        });
      }
    } catch (error) {
      if (this.cancellation === cancellation && !isChannelGone(error)) {
        this.answered = true;
        this.reject(toEngineError(error));
      }
    }
  }

  /** A sign of life: the silence starts anew. */
  touch(): void {
    if (!this.sent || this.answered) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(this.hang, this.options.limit);
    this.timer.unref();
  }

  progress(progress: Progress): void {
    if (progress.progressId === this.options.progressId && !this.settled) {
      this.options.onProgress?.(progress);
    }
  }

  /** The process that had it was ended on purpose: it waits for the next one. */
  takeBack(): void {
    clearTimeout(this.timer);
    this.sent = false;
    this.cancellation = undefined;
  }

  /** The process that had it died. */
  countDeath(): void {
    if (this.sent) {
      this.deaths += 1;
    }
    this.takeBack();
  }

  reject(error: Error): void {
    this.finish(() => {
      this.settle.reject(error);
    });
  }

  /** For messages: the method and the model's file. */
  describe(): string {
    const params = this.options.params as { modelPath?: string } | null;
    return params?.modelPath === undefined
      ? this.options.method
      : `${this.options.method} with ${basename(params.modelPath)}`;
  }

  private readonly abort = (): void => {
    // The caller is free at once; the engine's own answer is still awaited, so that one that never stops counts as hung.
    this.cancellation?.cancel();
    if (!this.settled) {
      this.settled = true;
      this.settle.reject(abortError());
    }
  };

  private readonly hang = (): void => {
    const seconds = Math.round(this.options.limit / 1000);
    this.reject(
      new EngineError(
        ENGINE_ERROR.timedOut,
        `The engine gave no sign of life for ${String(seconds)} s (${this.describe()}) and was ended. ` +
          "Try again, or choose a smaller model or context.",
        "retry",
      ),
    );
    this.options.onHang();
  };

  private finish(settle: () => void): void {
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener("abort", this.abort);
    if (!this.settled) {
      this.settled = true;
      settle();
    }
  }
}

function isChannelGone(error: unknown): boolean {
  return (
    !(error instanceof ResponseError) ||
    CHANNEL_GONE.includes((error as ResponseError<unknown>).code)
  );
}

function toEngineError(error: unknown): EngineError {
  const response = error as ResponseError<EngineErrorData | undefined>;
  return new EngineError(
    response.code,
    response.message,
    response.data?.action ?? "none",
  );
}
