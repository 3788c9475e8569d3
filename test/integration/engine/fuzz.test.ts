import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENGINE_ERROR } from "../../../core/engine/protocol";
import type { EngineClient } from "../../../native/client/engineClient";
import { EngineError } from "../../../native/client/engineError";
import { readGgufHeader } from "../../../native/engine/gguf/header";
import { seeded } from "../../unit/seeded";
import { FIXTURE_MODEL, annotate, makeClient } from "./engineUnderTest";

const MUTATIONS = 200;
const SEED = 20250602;
/** What a damaged file may come to; a hang (timedOut) is not among them. */
const EXPECTED_ERRORS: readonly number[] = [
  ENGINE_ERROR.badModel,
  ENGINE_ERROR.unsupportedModel,
  ENGINE_ERROR.outOfMemory,
  ENGINE_ERROR.badInput,
  ENGINE_ERROR.engineDied,
];

let client: EngineClient;
let folder: string;
beforeAll(() => {
  client = makeClient({
    restartTimes: { delays: new Array<number>(2 * MUTATIONS).fill(10) },
    timeLimits: { annotate: 60_000 },
  });
  folder = mkdtempSync(join(tmpdir(), "forksight-fuzz-"));
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true });
});

type Mutate = (bytes: Buffer, header: number, next: () => number) => Buffer;

const at = (limit: number, next: () => number): number =>
  Math.floor(next() * limit);

const MUTATIONS_BY_NAME: Readonly<Record<string, Mutate>> = {
  "one bit": (bytes, header, next) => {
    const place = at(header, next);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << at(8, next));
    return bytes;
  },
  "some bytes": (bytes, header, next) => {
    for (let i = 0; i < 8; i++) bytes[at(header, next)] = at(256, next);
    return bytes;
  },
  "a huge length": (bytes, header, next) => {
    const values = [2n ** 64n - 1n, 2n ** 63n, 2n ** 40n, 2n ** 31n, 0n];
    bytes.writeBigUInt64LE(
      values[at(values.length, next)] ?? 0n,
      at(header - 8, next),
    );
    return bytes;
  },
  "an entry of the table of tensors": (bytes, header, next) => {
    const table = Math.max(0, header - 2000);
    bytes[table + at(header - table, next)] = at(256, next);
    return bytes;
  },
  "cut off": (bytes, header, next) =>
    bytes.subarray(0, at(next() < 0.5 ? header : bytes.length, next)),
  "bytes left out": (bytes, header, next) => {
    const place = at(header, next);
    return Buffer.concat([
      bytes.subarray(0, place),
      bytes.subarray(place + 1 + at(32, next)),
    ]);
  },
  "bytes put in": (bytes, header, next) => {
    const place = at(header, next);
    const inserted = Buffer.from(
      Array.from({ length: 1 + at(32, next) }, () => at(256, next)),
    );
    return Buffer.concat([
      bytes.subarray(0, place),
      inserted,
      bytes.subarray(place),
    ]);
  },
};

describe("damaged GGUF files", { timeout: 600_000 }, () => {
  it(`${String(MUTATIONS)} of them come to an error or to a proper annotation, each; nothing hangs, and the client lives`, async () => {
    const original = readFileSync(FIXTURE_MODEL);
    const header = readGgufHeader(FIXTURE_MODEL).dataStart;
    const next = seeded(SEED);
    const kinds = Object.entries(MUTATIONS_BY_NAME);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < MUTATIONS; round++) {
      const [name, mutate] = kinds[round % kinds.length] ?? [
        "",
        () => original,
      ];
      const path = join(folder, `${String(round)}.gguf`);
      writeFileSync(path, mutate(Buffer.from(original), header, next));
      const outcome = await outcomeOf(path);
      const label =
        typeof outcome === "string" ? outcome : String(outcome.code);
      outcomes.set(label, (outcomes.get(label) ?? 0) + 1);
      if (typeof outcome !== "string") {
        expect(
          EXPECTED_ERRORS,
          `${name} (${path}): ${outcome.message}`,
        ).toContain(outcome.code);
        expect(outcome.message.length).toBeGreaterThan(20);
      }
      rmSync(path);
    }
    console.info(
      "outcomes of the GGUF fuzz, by error code:",
      Object.fromEntries(outcomes),
    );
    // Were the mutations harmless, or all of one kind, this would test nothing.
    expect(outcomes.get(String(ENGINE_ERROR.badModel)) ?? 0).toBeGreaterThan(
      MUTATIONS / 3,
    );
    await expect(annotate(client, "the end")).resolves.toBeDefined();
  });
});

async function outcomeOf(
  modelPath: string,
): Promise<"annotated" | EngineError> {
  const conditioning = {
    kind: "messages",
    messages: [{ role: "user", content: "x" }],
  } as const;
  try {
    const scored = await annotate(client, "the end", {
      modelPath,
      conditioning,
    });
    expect(scored.entropy).toHaveLength(scored.ids.length);
    return "annotated";
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    return error as EngineError;
  }
}
