import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ScoredTrace } from "../../../core/annotation/scoredTrace";
import { EngineClient } from "../../../native/client/engineClient";
import type {
  EngineClientOptions,
  RequestOptions,
  RequestParams,
} from "../../../native/client/engineClient";

/** A file of the repository, by its path from the root. */
export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** A small random Qwen3 with byte-level tokens (281) and a ChatML-like template. */
export const FIXTURE_MODEL = inRepository("test/fixtures/qwen3-f32/model.gguf");
export const FIXTURE_ADAPTER = inRepository(
  "test/fixtures/qwen3-f32/adapter.gguf",
);
export const POCKET_MODEL = inRepository("models/pocket.gguf");

/** A client of the built engine (dist/engine.mjs), on the CPU, with short restarts. */
export function makeClient(
  options: Partial<EngineClientOptions> = {},
): EngineClient {
  const engineFile = inRepository("dist/engine.mjs");
  if (!existsSync(engineFile)) {
    throw new Error("dist/engine.mjs is not built: run `npm run build`.");
  }
  return new EngineClient({
    engineFile,
    configuration: { gpu: "off", idleUnloadMinutes: 0, threads: 1 },
    log: () => undefined,
    restartTimes: { delays: [50, 50, 50] },
    ...options,
  });
}

/** Annotates with the fixture, exactly, five alternatives, unless `params` says otherwise. */
export function annotate(
  client: EngineClient,
  text: string,
  params: Partial<RequestParams<"annotate">> = {},
  options: RequestOptions = {},
): Promise<ScoredTrace> {
  return client.request(
    "annotate",
    {
      modelPath: FIXTURE_MODEL,
      conditioning: { kind: "none" },
      text,
      temperature: 1,
      topK: 5,
      precision: "exact",
      contextSize: 0,
      ...params,
    },
    options,
  );
}

/** The text of each token's range. */
export function rangesOf(text: string, scored: ScoredTrace): string[] {
  return Array.from(scored.start, (start, i) =>
    text.slice(start, scored.end[i]),
  );
}
