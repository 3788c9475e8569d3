/**
 * The engine "Ray cluster" with a real cluster: FORKSIGHT_RAY_ADDRESS is its dashboard's, or FORKSIGHT_RAY_PYTHON names a
 * Python for a head of this machine (scripts/test-ray.mjs makes one). Either has `ray[default]`, `ray[train]` and what forksight_trl needs.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDescription } from "../../../core/run/readFolder";
import { Follower } from "../../../extension/ray/follower";
import { readAddress } from "../../../extension/ray/address";
import { JobsClient } from "../../../extension/ray/jobsClient";
import {
  type JobPlace,
  launchJob,
  resumeJob,
  stopJob,
} from "../../../extension/ray/launchJob";
import { readRayState } from "../../../extension/ray/rayState";
import { inRepository } from "../engine/engineUnderTest";
import {
  expectWholeRun,
  makePocketRun,
  type PocketRun,
  statusOf,
  untilState,
} from "./pocketRun";

const PATIENCE = 600_000;

const python = process.env["FORKSIGHT_RAY_PYTHON"] ?? "";
const cluster = process.env["FORKSIGHT_RAY_ADDRESS"] ?? "";
const isAtHand = python !== "" || cluster !== "";
if (!isAtHand)
  console.log(
    "The engine Ray is tested against a server of its own alone (test/unit/ray): FORKSIGHT_RAY_ADDRESS names no cluster, FORKSIGHT_RAY_PYTHON no Python that has ray[default], ray[train] and TRL.",
  );

describe.skipIf(!isAtHand)("the engine Ray, on a real cluster", () => {
  let place: JobPlace;
  /** Of a head that was started here. */
  let home: string | undefined;
  const runs: PocketRun[] = [];

  beforeAll(async () => {
    const address = cluster || (await startHead());
    const client = new JobsClient({
      address: readAddress(address)!,
      token: undefined,
    });
    for (let tries = 180; ; tries--) {
      try {
        console.log(`Ray ${await client.version()}`);
        break;
      } catch (error) {
        if (tries === 0) throw error;
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
    place = {
      client,
      storage: "",
      pip: [],
      pythonSource: inRepository("python/src"),
      version: "0.0.0",
      log: (line) => console.log(line),
    };
  }, PATIENCE);

  afterAll(() => {
    if (home !== undefined) ray(["stop", "--force"]);
    for (const { root } of runs) rmSync(root, { recursive: true, force: true });
    if (home !== undefined) rmSync(home, { recursive: true, force: true });
  });

  it(
    "runs TRL under Ray Train and makes the run folder here",
    { timeout: PATIENCE },
    async () => {
      const { folder } = await launched(2, {});
      await follow(folder);
      expectWholeRun(folder, "ray", 2);
      const text = readFileSync(join(folder, "run.json"), "utf8");
      const description = readDescription(text);
      expect(description.ok && description.value.versions["trl"]).toBeTruthy();
      expect(description.ok && description.value.model.path).toContain(
        "models",
      );
    },
  );

  it(
    "stops behind a step, and goes on from the checkpoint that came here",
    { timeout: PATIENCE },
    async () => {
      const { folder } = await launched(300, { ray: { workers: 2 } });
      const window = new AbortController();
      const following = follow(folder, window.signal);
      await untilState(folder, ["running"], PATIENCE / 2);
      // The window goes away and comes back.
      window.abort();
      await following;
      const again = follow(folder);
      const asked = performance.now();
      await stopJob(folder, place.client, new AbortController().signal);
      console.log(
        `asked to stop in ${((performance.now() - asked) / 1000).toFixed(1)} s`,
      );
      await again;
      const { state, step } = statusOf(folder);
      expect(state).toBe("stopped");
      expect((await readRayState(folder)).over).toBe(true);
      const log = readFileSync(join(folder, "trainer.log"), "utf8");
      expect(log).toContain("world size 2");
      await resumeJob(folder, step + 2, false, place);
      await follow(folder);
      expectWholeRun(folder, "ray", step + 2);
    },
  );

  it(
    "says why a job failed, in the cluster's words",
    { timeout: PATIENCE },
    async () => {
      const { folder } = await launched(2, { model: "/nowhere/no-model" });
      await follow(folder);
      const { state, message } = statusOf(folder);
      expect(state).toBe("failed");
      expect(message).toMatch(/^model: there is no \/nowhere\/no-model/);
    },
  );

  it(
    "calls a run stopped that the cluster stopped, and goes on from its last checkpoint",
    { timeout: PATIENCE },
    async () => {
      const { folder } = await launched(300, {});
      const following = follow(folder);
      await untilStep(folder, 3);
      await place.client.stop((await readRayState(folder)).job);
      await following;
      const { state, step } = statusOf(folder);
      expect(["stopped", "failed"]).toContain(state);
      await resumeJob(folder, step + 2, false, place);
      await follow(folder);
      expectWholeRun(folder, "ray", step + 2);
    },
  );

  // Only a head of this machine has its workers here.
  it.skipIf(python === "")(
    "says that a worker died, and goes on from the last checkpoint",
    { timeout: PATIENCE },
    async () => {
      const { folder } = await launched(300, { ray: { workers: 2 } });
      const following = follow(folder);
      await untilStep(folder, 3);
      const killed = spawnSync("pkill", ["-KILL", "-f", "ray::RayTrainWorker"]);
      expect(killed.status).toBe(0);
      await following;
      const { state, step, message } = statusOf(folder);
      console.log(message);
      expect(state).toBe("failed");
      await resumeJob(folder, step + 2, false, place);
      await follow(folder);
      expectWholeRun(folder, "ray", step + 2);
    },
  );

  async function untilStep(folder: string, step: number): Promise<void> {
    const end = Date.now() + PATIENCE / 2;
    while (statusOf(folder).step < step) {
      if (statusOf(folder).state === "failed")
        throw new Error(statusOf(folder).message);
      if (Date.now() > end)
        throw new Error(
          `step ${step} does not come: ${statusOf(folder).message}`,
        );
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  async function startHead(): Promise<string> {
    home = mkdtempSync(join(tmpdir(), "fr-"));
    const port = await freePort();
    const started = ray([
      "start",
      "--head",
      ...["--port", String(await freePort())],
      ...["--dashboard-host", "127.0.0.1", "--dashboard-port", String(port)],
      ...["--num-cpus", "2", "--object-store-memory", "100000000"],
      ...["--temp-dir", home, "--disable-usage-stats"],
    ]);
    expect(started.status, started.stdout + started.stderr).toBe(0);
    return `http://127.0.0.1:${port}`;
  }

  async function launched(
    steps: number,
    more: Readonly<Record<string, unknown>>,
  ): Promise<PocketRun> {
    const run = makePocketRun("ray", steps, more);
    runs.push(run);
    await launchJob(
      { ...run, overrides: [], trustRewards: false },
      place,
      new AbortController().signal,
    );
    return run;
  }

  function follow(folder: string, signal = new AbortController().signal) {
    return new Follower(folder, place.client, console.log).follow(signal);
  }
});

function ray(args: readonly string[]) {
  return spawnSync(python, ["-m", "ray.scripts.scripts", ...args], {
    encoding: "utf8",
    env: {
      ...process.env,
      // The job's command is `python`: the one that the head runs with.
      PATH: `${dirname(python)}${delimiter}${process.env["PATH"]}`,
    },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
