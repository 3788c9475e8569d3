import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readStatus } from "../../../core/run/readFolder";
import type { Address } from "../../../extension/ray/address";
import { Follower } from "../../../extension/ray/follower";
import { Followers } from "../../../extension/ray/followers";
import { JobsClient } from "../../../extension/ray/jobsClient";
import { readRayState, writeRayState } from "../../../extension/ray/rayState";
import { seeded } from "../seeded";
import { FakeTrainer } from "./fakeTrainer";
import { JobsServer, sha, type Tailing } from "./jobsServer";

vi.setConfig({ testTimeout: 60_000 });

const JOB = "forksight-test-1";
const TIMES = { look: 20, first: 1, longest: 4, grace: 150 };

let root: string;
let folder: string;
let server: JobsServer;
let address: Address;
let trainer: FakeTrainer;
let logged: string[];
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "forksight-ray-"));
  folder = path.join(root, "run");
  await mkdir(folder);
  server = new JobsServer();
  address = await server.start();
  server.jobs.set(JOB, {
    status: "RUNNING",
    message: "",
    output: "",
    body: {},
  });
  trainer = new FakeTrainer((text) => server.print(JOB, text));
  logged = [];
  await writeRayState(folder, {
    format: 1,
    address,
    job: JOB,
    package: "gcs://_ray_pkg_0.zip",
    storage: "",
    sequence: 0,
    over: false,
  });
});
afterEach(async () => {
  await server.stop();
  await rm(root, { recursive: true });
});

function follow(signal = new AbortController().signal): Promise<void> {
  const client = new JobsClient({ address, token: server.token });
  const log = (line: string) => void logged.push(line);
  return new Follower(folder, client, log, TIMES).follow(signal);
}

/** A run of three steps and a checkpoint that the next one replaces. */
function train(random = seeded(1)): void {
  trainer.status("preparing", 0, 3);
  for (let step = 1; step <= 3; step++) {
    trainer.replace(
      `rollouts/step-${step}.jsonl`,
      `${"x".repeat(1 + Math.floor(random() * 3000))}\n`,
    );
    const adapter = Buffer.from(
      Array.from({ length: 50_000 }, () => Math.floor(random() * 256)),
    );
    trainer.checkpoint(step, {
      "adapter.gguf": adapter,
      "forksight_state.json": Buffer.from(`{"step":${step}}`),
    });
    trainer.append("metrics.jsonl", `{"step":${step},"time":${step}}\n`);
    trainer.append("trainer.log", `step ${step} — done\n`);
    if (step > 1) trainer.remove(`checkpoints/step-${step - 1}`);
    trainer.status("running", step, 3);
    server.print(JOB, `(worker pid=7) 50%|#####     | step ${step}\n`);
  }
  trainer.status("done", 3, 3);
  trainer.end();
}

/** Path with `/` to a hash, of all that came from the job. */
async function local(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true })) {
    const at = path.join(folder, entry);
    const name = entry.split(path.sep).join("/");
    if (!(await stat(at)).isFile() || /^(ray\.|status\.json$)/.test(name))
      continue;
    found[name] = sha(await readFile(at));
  }
  return found;
}

function written(): Record<string, string> {
  return Object.fromEntries(
    [...trainer.files]
      .filter(([name]) => name !== "status.json")
      .map(([name, content]) => [name, sha(content)]),
  );
}

async function status() {
  const text = await readFile(path.join(folder, "status.json"), "utf8");
  const read = readStatus(text);
  if (!read.ok) throw new Error(read.message);
  return read.value;
}

describe("following a job", () => {
  it("makes the folder that the job wrote", async () => {
    train();
    server.end(JOB, "SUCCEEDED");
    await follow();
    expect(await local()).toEqual(written());
    const { state, step, heartbeat, ...rest } = await status();
    expect({ state, step }).toEqual({ state: "done", step: 3 });
    // The heartbeat is of this machine, and the process none of it.
    expect(Date.now() - Date.parse(heartbeat)).toBeLessThan(60_000);
    expect(rest).not.toHaveProperty("pid");
    expect((await readRayState(folder)).over).toBe(true);
    const output = await readFile(path.join(folder, "ray.log"), "utf8");
    expect(output.split("\n").filter((line) => line !== "")).toEqual(
      [1, 2, 3].map((step) => `(worker pid=7) 50%|#####     | step ${step}`),
    );
  });

  it("makes the same folder whatever befalls the connection", async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = seeded(seed);
      const job = `${JOB}-${seed}`;
      folder = path.join(root, `run-${seed}`);
      await mkdir(folder);
      await writeRayState(folder, {
        format: 1,
        address,
        job,
        package: "gcs://_ray_pkg_0.zip",
        storage: "",
        sequence: 0,
        over: false,
      });
      server.jobs.set(job, {
        status: "RUNNING",
        message: "",
        output: "",
        body: {},
      });
      server.piece = 1 + Math.floor(random() * 30_000);
      const texts: string[] = [];
      trainer = new FakeTrainer((text) => texts.push(text));
      const before = server.print.bind(server);
      server.print = (_, text) => void texts.push(text);
      train(random);
      server.print = before;
      const size = texts.join("").length;
      server.tailings = Array.from({ length: 6 }, (): Tailing => {
        const after = Math.floor(random() * size);
        const which = random();
        if (which < 0.35) return { kind: "cut", after };
        if (which < 0.6) return { kind: "close", after };
        if (which < 0.8) return { kind: "again", first: after };
        return { kind: "refuse", status: 502 };
      });
      // Windows come and go while the job prints.
      let window = new AbortController();
      let following = follow(window.signal);
      for (const text of texts) {
        server.print(job, text);
        if (random() < 0.3) await new Promise((done) => setTimeout(done, 1));
        if (random() < 0.1) {
          window.abort();
          await following;
          window = new AbortController();
          following = follow(window.signal);
        }
      }
      server.end(job, "SUCCEEDED");
      await following;
      expect(await local(), `seed ${seed}`).toEqual(written());
      expect((await status()).state).toBe("done");
    }
  });

  it("reads again where a frame came damaged, and goes on where it stays so", async () => {
    train();
    const job = server.jobs.get(JOB)!;
    // The third line of metrics is lost for good: its frame was mixed with somebody else's words.
    const frames = job.output.split("\n");
    const lost = frames.findLastIndex((line) =>
      line.includes('"path":"metrics.jsonl"'),
    );
    frames[lost] = frames[lost]!.slice(0, 60) + "Warning: disk\n";
    job.output = frames.join("\n");
    server.end(JOB, "SUCCEEDED");
    await follow();
    expect(logged.join("\n")).toContain("is damaged or missing");
    expect(logged.join("\n")).toContain("are lost");
    expect(
      server.requests.filter((one) => one.startsWith("TAIL")),
    ).toHaveLength(2);
    const lines = await readFile(path.join(folder, "metrics.jsonl"), "utf8");
    expect(lines).toBe('{"step":1,"time":1}\n{"step":2,"time":2}\n');
    expect((await status()).state).toBe("done");
  });

  it("throws a checkpoint away whose beginning is lost", async () => {
    trainer.status("running", 1, 3);
    trainer.checkpoint(1, { "adapter.gguf": Buffer.alloc(200_000, 7) });
    trainer.status("done", 1, 1);
    const job = server.jobs.get(JOB)!;
    job.output = job.output
      .split("\n")
      .map((line) => (line.includes('"at":49152') ? "#forksight 7 {" : line))
      .join("\n");
    server.end(JOB, "SUCCEEDED");
    await follow();
    const checkpoints = await readdir(path.join(folder, "checkpoints"));
    for (const one of checkpoints)
      expect(await readdir(path.join(folder, "checkpoints", one))).toEqual([]);
  });

  it("refuses a frame that names a path outside of the run folder", async () => {
    const data = "eJwDAAAAAAE=";
    for (const name of [
      "../x",
      "/etc/x",
      "checkpoints/../../x",
      "ray.json",
      "stop",
    ])
      server.print(
        JOB,
        `#forksight 1 ${JSON.stringify({ op: "write", path: name, at: 0, data })}\n`,
      );
    server.end(JOB, "SUCCEEDED");
    await follow();
    expect(await readdir(root)).toEqual(["run"]);
    expect((await readdir(folder)).sort()).toEqual(["ray.json", "ray.log"]);
  });

  it("fetches the output as a whole where WebSockets do not get through", async () => {
    server.tailings = Array.from({ length: 50 }, () => ({
      kind: "refuse",
      status: 426,
    }));
    train();
    server.end(JOB, "SUCCEEDED");
    await follow();
    expect(await local()).toEqual(written());
    expect(server.requests).toContain(`GET /api/jobs/${JOB}/logs`);
  });

  it("says why a job failed, in the job's own last words", async () => {
    trainer.status("running", 1, 3);
    server.print(JOB, "\u001b[36mtorch.OutOfMemoryError: CUDA out of memory\n");
    server.end(
      JOB,
      "FAILED",
      "Job entrypoint command failed with exit code 1\n#forksight 1 {}",
    );
    await follow();
    const { state, message } = await status();
    expect(state).toBe("failed");
    expect(message).toContain("exit code 1");
    expect(message).toContain("CUDA out of memory");
    expect(message).not.toContain("#forksight");
    expect(message).not.toContain("\u001b");
  });

  it("says why the trainer gave up, without the cluster's traceback", async () => {
    const reason = "model: there is no /nowhere/model.gguf.";
    trainer.status("preparing", 0, 3);
    server.print(JOB, "Traceback (most recent call last):\n");
    trainer.end(reason);
    server.end(JOB, "FAILED", "Job entrypoint command failed");
    await follow();
    expect(await status()).toMatchObject({ state: "failed", message: reason });
  });

  it("says so where the cluster has forgotten the job", async () => {
    trainer.status("running", 1, 3);
    const end = new AbortController();
    const following = follow(end.signal);
    await until(async () => (await status()).step === 1);
    server.jobs.delete(JOB);
    server.tailings = [];
    end.abort();
    await following;
    await follow();
    const { state, message } = await status();
    expect(state).toBe("failed");
    expect(message).toContain("does not know the job");
  });

  it("renews the heartbeat while the job runs, and leaves it old while nobody answers", async () => {
    trainer.status("running", 1, 3);
    const end = new AbortController();
    const following = follow(end.signal);
    await until(async () => (await status()).step === 1);
    const first = (await status()).heartbeat;
    await until(async () => (await status()).heartbeat > first);
    end.abort();
    await following;
    const old = { ...(await status()), heartbeat: "2020-01-01T00:00:00.000Z" };
    await writeFile(path.join(folder, "status.json"), JSON.stringify(old));
    await server.stop();
    const lost = new AbortController();
    const again = follow(lost.signal);
    await until(async () =>
      (await status()).message.startsWith("not followed"),
    );
    expect((await status()).heartbeat).toBe(old.heartbeat);
    lost.abort();
    await again;
    server = new JobsServer();
    await server.start();
  });
});

describe("the runs that a window follows", () => {
  it("goes on with a token that was given later", async () => {
    server.token = "right";
    train();
    server.end(JOB, "SUCCEEDED");
    const given: { token: string | undefined } = { token: undefined };
    const over: string[] = [];
    const followers = new Followers(
      () => Promise.resolve(new JobsClient({ address, token: given.token })),
      (line) => logged.push(line),
      (one) => over.push(one),
    );
    followers.follow(folder);
    await until(() => Promise.resolve(/refused the token/.test(logged.join())));
    given.token = "right";
    await followers.again();
    await until(() => Promise.resolve(over.length > 0));
    expect(await local()).toEqual(written());
  });

  it("follows each once, and another window waits", async () => {
    train();
    const over: string[] = [];
    const clientFor = () =>
      Promise.resolve(new JobsClient({ address, token: undefined }));
    const make = () =>
      new Followers(
        clientFor,
        (line) => logged.push(line),
        (one) => over.push(one),
      );
    const [first, second] = [make(), make()];
    first.follow(folder);
    first.follow(folder);
    await until(async () => (await status()).state === "done");
    second.follow(folder);
    await new Promise((done) => setTimeout(done, 50));
    expect(
      server.requests.filter((one) => one.startsWith("TAIL")),
    ).toHaveLength(1);
    server.end(JOB, "SUCCEEDED");
    await until(() => Promise.resolve(over.length > 0));
    expect(over).toEqual([folder]);
    await first.close();
    await second.close();
    expect(await readdir(folder)).not.toContain("ray.lock");
    expect(await local()).toEqual(written());
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    if (await holds().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error("it did not come");
}
