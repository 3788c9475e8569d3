import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readDescription, readStatus } from "../../../core/run/readFolder";
import { readRunFile } from "../../../core/run/runFile";
import { Follower } from "../../../extension/ray/follower";
import { UPLOAD_LIMIT } from "../../../extension/ray/jobPackage";
import { JobsClient } from "../../../extension/ray/jobsClient";
import {
  type JobPlace,
  launchJob,
  resumeJob,
  stopJob,
} from "../../../extension/ray/launchJob";
import { readRayState } from "../../../extension/ray/rayState";
import { FakeTrainer } from "./fakeTrainer";
import { JobsServer } from "./jobsServer";

let root: string;
let server: JobsServer;
let place: JobPlace;
let runFile: string;
let folder: string;
let logged: string[];
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-ray-"));
  server = new JobsServer();
  const address = await server.start();
  logged = [];
  const pythonSource = path.join(root, "python");
  await mkdir(path.join(pythonSource, "forksight_trl", "__pycache__"), {
    recursive: true,
  });
  await writeFile(
    path.join(pythonSource, "forksight_trl", "ray_job.py"),
    "job",
  );
  await writeFile(
    path.join(pythonSource, "forksight_trl", "__pycache__", "x.pyc"),
    "",
  );
  place = {
    client: new JobsClient({ address, token: undefined }),
    storage: "",
    pip: [],
    pythonSource,
    version: "0.1.0",
    log: (line) => logged.push(line),
  };
  await writeFile(path.join(root, "model.gguf"), "GGUF");
  await writeFile(path.join(root, "train.jsonl"), '{"question":"1"}\n');
  await writeFile(path.join(root, "held-out.jsonl"), '{"question":"2"}\n');
  await writeFile(path.join(root, "reward.py"), "def reward(): pass\n");
  runFile = path.join(root, "a.forksight.yaml");
  await writeRunFile({});
  folder = path.join(root, "runs", "a-1");
});
afterEach(async () => {
  await server.stop();
  await rm(root, { recursive: true });
});

async function writeRunFile(more: Record<string, unknown>): Promise<void> {
  const settings = {
    engine: "ray",
    model: "model.gguf",
    data: { train: "train.jsonl", eval: { validation: "held-out.jsonl" } },
    reward: { kind: "python", file: "reward.py" },
    steps: 3,
    ...more,
  };
  await writeFile(runFile, JSON.stringify(settings));
}

function launch(signal = new AbortController().signal): Promise<void> {
  const overrides = [{ field: "mask.rho", value: "0.1" }];
  return launchJob(
    { runFile, folder, overrides, trustRewards: true },
    place,
    signal,
  );
}

function onlyPackage(): Record<string, Uint8Array> {
  return unzipSync([...server.packages.values()].at(-1)!);
}

function orderOf(id: string): unknown {
  const env = server.jobs.get(id)!.body["runtime_env"] as {
    env_vars: Record<string, string>;
  };
  return JSON.parse(env.env_vars["FORKSIGHT_JOB"]!);
}

describe("launching a job", () => {
  it("uploads the run's files, submits, and leaves a run folder that is preparing", async () => {
    await launch();
    const files = onlyPackage();
    expect(Object.keys(files).sort()).toEqual([
      "files/eval/validation.jsonl",
      "files/model/model.gguf",
      "files/reward/reward.py",
      "files/train.jsonl",
      "forksight_trl/ray_job.py",
      "run.forksight.yaml",
    ]);
    const inside = readRunFile(strFromU8(files["run.forksight.yaml"]!));
    if (!inside.ok) throw new Error(inside.errors[0]!.message);
    expect(inside.settings.model).toBe("files/model/model.gguf");
    expect(inside.settings.data.eval).toEqual({
      validation: "files/eval/validation.jsonl",
    });
    expect(inside.settings.mask.rho).toBe(0.1);

    const state = await readRayState(folder);
    expect(state).toMatchObject({ sequence: 0, over: false, storage: "" });
    expect(orderOf(state.job)).toEqual({
      job: state.job,
      storage: "",
      resume: false,
      since: 0,
      steps: null,
      trust_rewards: true,
    });
    const read = readDescription(
      await readFile(path.join(folder, "run.json"), "utf8"),
    );
    if (!read.ok) throw new Error(read.message);
    expect(read.value).toMatchObject({
      engine: "ray",
      name: "a",
      versions: { ray: "2.58.0" },
    });
    expect(read.value.settings["model"]).toBe(path.join(root, "model.gguf"));
    expect(read.value.model.bytes).toBe(4);
    const status = readStatus(
      await readFile(path.join(folder, "status.json"), "utf8"),
    );
    expect(status).toMatchObject({
      ok: true,
      value: { state: "preparing", steps: 3 },
    });
  });

  it("gives the same files the same package", async () => {
    await launch();
    folder = path.join(root, "runs", "a-2");
    await launch();
    expect(server.packages.size).toBe(1);
    expect(server.jobs.size).toBe(2);
  });

  it("starts one job where answers are lost", async () => {
    server.lostReplies = 1;
    await launch();
    expect(server.jobs.size).toBe(1);
  });

  it("leaves nothing behind where the cluster refuses, or the user gives up", async () => {
    server.answers.set("POST /api/jobs/", {
      status: 500,
      body: "ValueError: no",
    });
    await expect(launch()).rejects.toThrow("ValueError: no");
    expect(await readdir(path.join(root, "runs"))).toEqual([]);
    server.answers.clear();
    const abort = new AbortController();
    server.onSubmit = () => abort.abort(new Error("given up"));
    await expect(launch(abort.signal)).rejects.toThrow("given up");
    expect(await readdir(path.join(root, "runs"))).toEqual([]);
    expect([...server.jobs.values()].map((one) => one.status)).toEqual([
      "STOPPED",
    ]);
  });

  it("takes an absolute path that is not here, and a model's name, for the cluster's", async () => {
    await writeRunFile({ model: "/cluster/Qwen3-8B" });
    await launch();
    expect(logged.join()).toContain("/cluster/Qwen3-8B is not uploaded");
    expect(strFromU8(onlyPackage()["run.forksight.yaml"]!)).toContain(
      '"model": "/cluster/Qwen3-8B"',
    );
    await writeRunFile({ model: "Qwen/Qwen3-0.6B" });
    folder = path.join(root, "runs", "a-2");
    await launch();
    const read = readDescription(
      await readFile(path.join(folder, "run.json"), "utf8"),
    );
    expect(read).toMatchObject({
      ok: true,
      value: { settings: { model: "Qwen/Qwen3-0.6B" } },
    });
    await writeRunFile({ model: "none.gguf" });
    folder = path.join(root, "runs", "a-3");
    await expect(launch()).rejects.toThrow("none.gguf (model) is not there");
  });

  it("names a file that is too large to be uploaded", async () => {
    await truncate(path.join(root, "model.gguf"), UPLOAD_LIMIT + 1);
    await expect(launch()).rejects.toThrow(
      /model\.gguf \(model\) has 201 MB.*absolute path/s,
    );
    await writeRunFile({ model: path.join(root, "model.gguf") });
    await launch();
    expect(Object.keys(onlyPackage())).not.toContain("files/model/model.gguf");
  });
});

describe("going on with a run", () => {
  /** Lets a launched job train to step 2 of 3, and end as stopped. */
  async function trained(): Promise<void> {
    await launch();
    const { job } = await readRayState(folder);
    const trainer = new FakeTrainer((text) => server.print(job, text));
    for (const step of [1, 2]) {
      trainer.replace(`rollouts/step-${step}.jsonl`, "{}\n");
      trainer.append("metrics.jsonl", `{"step":${step},"time":1}\n`);
    }
    trainer.checkpoint(1, {
      "adapter.gguf": Buffer.from("one"),
      "forksight_state.json": Buffer.from("{}"),
    });
    trainer.checkpoint(2, { "adapter.gguf": Buffer.from("two") });
    trainer.status("stopped", 2, 3);
    trainer.end();
    server.end(job, "SUCCEEDED");
    await new Follower(folder, place.client, () => undefined).follow(
      new AbortController().signal,
    );
  }

  it("sends back the newest checkpoint that can be gone on from", async () => {
    await trained();
    const before = await readRayState(folder);
    await resumeJob(folder, 5, false, place);
    const after = await readRayState(folder);
    expect(after.job).not.toBe(before.job);
    expect(after).toMatchObject({ sequence: 0, over: false });
    expect(orderOf(after.job)).toMatchObject({
      resume: true,
      since: 2,
      steps: 5,
    });
    const names = Object.keys(onlyPackage()).filter((one) =>
      one.startsWith("resumed/"),
    );
    expect(names.sort()).toEqual([
      "resumed/checkpoints/step-1/adapter.gguf",
      "resumed/checkpoints/step-1/forksight_state.json",
      "resumed/metrics.jsonl",
      "resumed/run.json",
    ]);
  });

  it("goes on in the cluster's own folder where there is one", async () => {
    place = { ...place, storage: "/mnt/shared/" };
    await trained();
    const { storage } = await readRayState(folder);
    expect(storage).toMatch(/^\/mnt\/shared\/forksight-a-/);
    await resumeJob(folder, undefined, false, place);
    const { job } = await readRayState(folder);
    expect(orderOf(job)).toMatchObject({ storage, resume: true });
    expect(Object.keys(onlyPackage()).join()).not.toContain("resumed/");
  });

  it("refuses while the job is at work, and says where there is nothing to go on from", async () => {
    await launch();
    await expect(resumeJob(folder, undefined, false, place)).rejects.toThrow(
      "still at work",
    );
    const { job } = await readRayState(folder);
    server.end(job, "FAILED");
    await expect(resumeJob(folder, undefined, false, place)).rejects.toThrow(
      "no checkpoint",
    );
  });
});

describe("stopping a job", () => {
  const never = new AbortController().signal;

  it("asks it by a job of its own; asked again, it ends it", async () => {
    await launch();
    const { job } = await readRayState(folder);
    server.end(job, "RUNNING");
    server.onSubmit = (id) => void server.end(id, "SUCCEEDED");
    await stopJob(folder, place.client, never);
    expect(server.jobs.get(`${job}-stop`)!.body["entrypoint"]).toBe(
      "python -m forksight_trl.ray_job stop",
    );
    expect(server.jobs.get(job)!.status).toBe("RUNNING");
    await stopJob(folder, place.client, never);
    expect(server.jobs.get(job)!.status).toBe("STOPPED");
  });

  it("ends one that waits, and one that does not hear", async () => {
    await launch();
    const { job } = await readRayState(folder);
    await stopJob(folder, place.client, never);
    expect(server.jobs.get(job)!.status).toBe("STOPPED");
    server.end(job, "RUNNING");
    server.onSubmit = (id) => void server.end(id, "FAILED");
    await stopJob(folder, place.client, never);
    expect(server.jobs.get(job)!.status).toBe("STOPPED");
  });
});
