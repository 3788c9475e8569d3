import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type {
  EngineConfiguration,
  EngineHealth,
} from "../../../core/engine/protocol";
import { ENGINE_ERROR } from "../../../core/engine/protocol";
import { EngineClient } from "../../../native/client/engineClient";
import type {
  EngineClientOptions,
  RequestParams,
} from "../../../native/client/engineClient";
import { EngineError, isAbort } from "../../../native/client/engineError";

const engineFile = fileURLToPath(
  new URL("../../fixtures/engine/fakeEngine.mjs", import.meta.url),
);
const configuration: EngineConfiguration = {
  gpu: "off",
  idleUnloadMinutes: 0,
  threads: 0,
};

let folder: string;
let client: EngineClient;
const health: EngineHealth[] = [];

function make(options: Partial<EngineClientOptions> = {}): EngineClient {
  client = new EngineClient({
    engineFile,
    env: { FAKE_ENGINE_JOURNAL: join(folder, "journal") },
    configuration,
    log: () => undefined,
    restartTimes: { delays: [10, 20, 40] },
    ...options,
  });
  health.length = 0;
  client.onHealth((one) => health.push(one));
  return client;
}

/** What the fake engines wrote, over all their lives. */
const journal = (): string[] =>
  readFileSync(join(folder, "journal"), "utf8").trim().split("\n");

const asks = (modelPath: string): RequestParams<"annotate"> => ({
  modelPath,
  conditioning: { kind: "none" },
  text: "",
  temperature: 1,
  topK: 0,
  precision: "fast",
  contextSize: 0,
});

async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-client-"));
});
afterEach(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true });
});

describe("EngineClient", { timeout: 30_000 }, () => {
  it("starts the engine as Node without arguments, configures it first, and gets typed arrays and maps as they are", async () => {
    const result: unknown = await make().request("annotate", asks("good"));
    expect(result).toEqual({
      numbers: Float32Array.of(1.5, NaN),
      pieces: new Map([[7, "x"]]),
      pid: client.pid,
    });
    expect(journal()).toEqual(["start 1 0", "configure off", "annotate good"]);
  });

  it("hands on the engine's error with its action, and its health", async () => {
    const error = await failure(make().request("annotate", asks("bad")));
    expect(error).toMatchObject({
      code: ENGINE_ERROR.badModel,
      message: "bad model",
      action: "chooseModel",
    });
    expect(client.health).toMatchObject({
      state: "failed",
      action: "chooseModel",
    });
  });

  it("restarts a killed engine, and sends the request in flight again", async () => {
    await make().request("annotate", asks("good"));
    const pid = client.pid ?? 0;
    const waiting = client.request("annotate", asks("slow"));
    await seen("annotate slow");
    process.kill(pid, "SIGKILL");
    await expect(waiting).resolves.toEqual({ done: 10 });
    expect(client.pid).not.toBe(pid);
    expect(journal().filter((line) => line === "annotate slow")).toHaveLength(
      2,
    );
  });

  it("gives up a request with which the engine died twice, and works on for others", async () => {
    const error = await failure(make().request("annotate", asks("die")));
    expect(error.code).toBe(ENGINE_ERROR.engineDied);
    expect(error.message).toContain("GGML_ASSERT(fake) failed");
    expect(error.action).toBe("retry");
    expect(journal().filter((line) => line === "annotate die")).toHaveLength(2);
    await expect(
      client.request("annotate", asks("good")),
    ).resolves.toBeDefined();
  });

  it("stops restarting after three attempts without a success, says so once, and tries again when asked to", async () => {
    make({ configuration: { ...configuration, gpu: "metal" } });
    const error = await failure(client.request("annotate", asks("good")));
    expect(error.code).toBe(ENGINE_ERROR.engineDied);
    expect(journal().filter((line) => line.startsWith("start"))).toHaveLength(
      4,
    );
    expect(
      health.filter((one) => one.state === "failed" && one.action === "retry"),
    ).toHaveLength(1);
    // A new request is one more try, without restarts.
    await failure(client.request("annotate", asks("good")));
    expect(journal().filter((line) => line.startsWith("start"))).toHaveLength(
      5,
    );
    await client.restart();
    await failure(client.request("annotate", asks("good")));
    expect(journal().filter((line) => line.startsWith("start"))).toHaveLength(
      9,
    );
    await client.configure(configuration);
    await expect(
      client.request("annotate", asks("good")),
    ).resolves.toBeDefined();
  });

  it("ends an engine that gives no sign of life, by SIGKILL where SIGTERM does not help", async () => {
    make({ timeLimits: { annotate: 200 } });
    const error = await failure(client.request("annotate", asks("hang")));
    expect(error.code).toBe(ENGINE_ERROR.timedOut);
    await expect(
      client.request("annotate", asks("good")),
    ).resolves.toBeDefined();
    expect(journal()).toContain("term");
  });

  it("takes progress for a sign of life", async () => {
    make({ timeLimits: { annotate: 1000 } });
    const progress: number[] = [];
    const result = client.request("annotate", asks("slow"), {
      onProgress: ({ done }) => progress.push(done),
    });
    await expect(result).resolves.toEqual({ done: 10 });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("rejects an aborted request at once and cancels it in the engine", async () => {
    const abort = new AbortController();
    const waiting = make().request("annotate", asks("wait"), {
      signal: abort.signal,
    });
    await seen("annotate wait");
    abort.abort();
    await expect(waiting).rejects.toSatisfy(isAbort);
    await seen("cancel");
    await expect(
      client.request("annotate", asks("x"), { signal: abort.signal }),
    ).rejects.toSatisfy(isAbort);
    await expect(
      client.request("annotate", asks("good")),
    ).resolves.toBeDefined();
  });

  it("starts another process for another back end, and hands over what is in flight", async () => {
    await make().request("annotate", asks("good"));
    const pid = client.pid;
    const waiting = client.request("annotate", asks("slow"));
    await seen("annotate slow");
    await client.configure({ ...configuration, gpu: "vulkan" });
    await expect(waiting).resolves.toEqual({ done: 10 });
    expect(client.pid).not.toBe(pid);
    await client.configure({ ...configuration, gpu: "vulkan", threads: 2 });
    expect(journal().filter((line) => line.startsWith("start"))).toHaveLength(
      2,
    );
    expect(health.some((one) => one.state === "failed")).toBe(false);
  });

  it("says what is wrong where the engine cannot be started", async () => {
    make({
      engineFile: join(folder, "absent.mjs"),
      restartTimes: { delays: [] },
    });
    const error = await failure(client.request("annotate", asks("good")));
    expect(error.message).toContain("code 1");
  });

  it("leaves no process and no open request behind", async () => {
    const waiting = failure(make().request("annotate", asks("wait")));
    await seen("annotate wait");
    const pid = client.pid ?? 0;
    await client.dispose();
    expect((await waiting).code).toBe(ENGINE_ERROR.engineDied);
    expect(() => process.kill(pid, 0)).toThrow();
    await failure(client.request("annotate", asks("good")));
  });
});

/** Waits until the fake engine has noted a line. */
async function seen(line: string): Promise<void> {
  await expect
    .poll(() => journal().includes(line), { timeout: 5000, interval: 5 })
    .toBe(true);
}
