import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { AnnotateParams, Progress } from "../../core/engine/protocol";
import type { Engine } from "../engine/engine";
import { type TraceCache, cacheKey } from "./traceCache";

export type ScoreRequest = Omit<AnnotateParams, "progressId">;

/** A score and the name under which the cache keeps it. */
export interface Score {
  readonly trace: ScoredTrace;
  readonly key: string | undefined;
  readonly fromCache: boolean;
}

/** Scores by the cache where it can, else by the engine. */
export class Scoring {
  constructor(
    private readonly engine: Engine,
    private readonly cache: TraceCache,
    private readonly version: string,
  ) {}

  /** What the cache holds for a request; undefined where it holds nothing. */
  async cached(request: ScoreRequest): Promise<Score | undefined> {
    const key = await this.keyOf(request);
    const trace = key === undefined ? undefined : await this.cache.get(key);
    return trace && { trace, key, fromCache: true };
  }

  /**
   * @throws EngineError; an AbortError where `signal` aborted
   */
  async score(
    request: ScoreRequest,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Score> {
    const key = await this.keyOf(request);
    const known = key === undefined ? undefined : await this.cache.get(key);
    if (known !== undefined) return { trace: known, key, fromCache: true };
    signal.throwIfAborted();
    const trace = await this.engine.request("annotate", request, {
      signal,
      onProgress,
    });
    return { trace, key, fromCache: false };
  }

  /** Keeps a score for the next time. */
  async keep(score: Score): Promise<void> {
    if (score.key !== undefined && !score.fromCache)
      await this.cache.put(score.key, score.trace);
  }

  clearCache(): Promise<void> {
    return this.cache.clear();
  }

  /** Undefined where the model cannot be read: the engine says why when it is asked. */
  private async keyOf(request: ScoreRequest): Promise<string | undefined> {
    try {
      return await cacheKey(request, this.version);
    } catch {
      return undefined;
    }
  }
}
