import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Address, readAddress } from "../../../extension/ray/address";
import { JobsClient, type Submission } from "../../../extension/ray/jobsClient";
import { JobsError } from "../../../extension/ray/jobsError";
import { request } from "../../../extension/ray/request";
import { JobsServer } from "./jobsServer";

let server: JobsServer;
let client: JobsClient;
let address: Address;
beforeEach(async () => {
  server = new JobsServer();
  address = await server.start();
  client = new JobsClient({ address, token: undefined });
});
afterEach(() => server.stop());

const SUBMISSION: Submission = {
  id: "forksight-a",
  entrypoint: "python -m forksight_trl.ray_job",
  workingDir: "gcs://_ray_pkg_ab.zip",
  pip: ["trl>=1.13,<2"],
  environment: { FORKSIGHT_JOB: "{}" },
  metadata: { forksight: "0.1.0" },
};

async function failure(promise: Promise<unknown>): Promise<JobsError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JobsError);
  return error as JobsError;
}

describe("the Jobs interface", () => {
  it("says Ray's version; fetch, with a browser's headers, would be refused", async () => {
    expect(await client.version()).toBe("2.58.0");
    const answer = await fetch(`${address}/api/version`);
    expect(answer.status).toBe(405);
  });

  it("uploads a package once", async () => {
    const zip = [new Uint8Array([80, 75]), new Uint8Array([5, 6])];
    expect(await client.uploadPackage(zip, "ab12")).toBe(
      "gcs://_ray_pkg_ab12.zip",
    );
    await client.uploadPackage(zip, "ab12");
    expect([...server.packages.get("_ray_pkg_ab12.zip")!]).toEqual(
      zip.flatMap((piece) => [...piece]),
    );
    expect(server.requests.filter((one) => one.startsWith("PUT"))).toHaveLength(
      1,
    );
  });

  it("submits with what the job needs", async () => {
    await client.submit(SUBMISSION);
    expect(server.jobs.get(SUBMISSION.id)!.body).toEqual({
      submission_id: SUBMISSION.id,
      entrypoint: SUBMISSION.entrypoint,
      runtime_env: {
        working_dir: SUBMISSION.workingDir,
        env_vars: SUBMISSION.environment,
        pip: SUBMISSION.pip,
      },
      metadata: SUBMISSION.metadata,
    });
  });

  it("starts one job where the answer is lost, or the request repeated", async () => {
    server.lostReplies = 1;
    await client.submit(SUBMISSION);
    await client.submit(SUBMISSION);
    expect([...server.jobs.keys()]).toEqual([SUBMISSION.id]);
  });

  it("throws where the cluster has no such job after all", async () => {
    server.answers.set("POST /api/jobs/", {
      status: 500,
      body: 'Traceback (most recent call last):\n  File "x.py", line 1\nRuntimeError: No agent on the head node.\n',
    });
    const { message, failure: kind } = await failure(client.submit(SUBMISSION));
    expect(message).toContain("RuntimeError: No agent on the head node.");
    expect(message).not.toContain("Traceback");
    expect(kind).toBe("failed");
  });

  it("tells a token, a missing job, a refusal and a redirect apart", async () => {
    server.token = "right";
    const refused = await failure(client.version());
    expect(refused.failure).toBe("refused");
    expect(refused.message).toContain("Set Ray Token");
    const tailed = await failure(drain(client.tail("x", endless())));
    expect(tailed.failure).toBe("refused");
    const allowed = new JobsClient({ address, token: "right" });
    expect(await allowed.version()).toBe("2.58.0");
    expect((await failure(allowed.info("none"))).failure).toBe("missing");
    expect(
      (await failure(drain(allowed.tail("none", endless())))).failure,
    ).toBe("missing");
    server.answers.set("GET /api/version", { status: 405, body: "" });
    expect((await failure(allowed.version())).message).toContain("405");
    server.answers.set("GET /api/version", { status: 302, body: "" });
    expect((await failure(allowed.version())).message).toContain(
      "final address",
    );
  });

  it("does not take a stranger's answer for Ray's", async () => {
    server.answers.set("GET /api/version", {
      status: 200,
      body: "<html>Welcome</html>",
    });
    expect((await failure(client.version())).message).toContain("not Ray's");
    server.answers.set("GET /api/version", {
      status: 502,
      body: "<!doctype html><title>Bad gateway</title>",
    });
    expect((await failure(client.version())).message).not.toContain("doctype");
  });

  it("gives up on a silent server, and on none", async () => {
    const mute = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as AddressInfo;
    const silent = `http://127.0.0.1:${port}` as Address;
    const late = await failure(
      request(
        { address: silent, token: undefined },
        { method: "GET", path: "/api/version", doing: "say", silence: 30 },
      ),
    );
    expect(late.failure).toBe("unreachable");
    await new Promise((resolve) => mute.close(resolve));
    const gone = new JobsClient({ address: silent, token: undefined });
    expect((await failure(gone.version())).failure).toBe("unreachable");
    expect((await failure(drain(gone.tail("x", endless())))).failure).toBe(
      "unreachable",
    );
  });

  it("ends a tail when it is told to", async () => {
    server.jobs.set("a", {
      status: "RUNNING",
      message: "",
      output: "one\n",
      body: {},
    });
    const end = new AbortController();
    const tail = client.tail("a", end.signal);
    expect((await tail.next()).value).toBe("one\n");
    const next = tail.next();
    end.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
  });

  it("waits for what a silent job prints, however long", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      server.jobs.set("a", {
        status: "RUNNING",
        message: "",
        output: "one\n",
        body: {},
      });
      const tail = client.tail("a", endless());
      expect((await tail.next()).value).toBe("one\n");
      const next = tail.next();
      for (let minutes = 0; minutes < 10; minutes++) {
        vi.advanceTimersByTime(60_000);
        await client.info("a");
      }
      server.print("a", "two\n");
      expect((await next).value).toBe("two\n");
      await tail.return(undefined);
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes a connection that breaks for what it is, and a job's end for its end", async () => {
    server.jobs.set("a", {
      status: "SUCCEEDED",
      message: "",
      output: "x".repeat(100),
      body: {},
    });
    server.tailings = [{ kind: "cut", after: 40 }];
    expect((await failure(drain(client.tail("a", endless())))).failure).toBe(
      "unreachable",
    );
    expect(await drain(client.tail("a", endless()))).toBe("x".repeat(100));
  });
});

describe("the cluster's address", () => {
  it("is understood as people write it", () => {
    expect(readAddress(" ")).toBeUndefined();
    expect(readAddress("head:8265")).toBe("http://head:8265");
    expect(readAddress("https://ray.example.com/c1/")).toBe(
      "https://ray.example.com/c1",
    );
    expect(readAddress("HTTP://Head:8265/")).toBe("http://head:8265");
  });

  it("says what is wrong with others", () => {
    expect(() => readAddress("ray://head:10001")).toThrow("http://head:8265");
    expect(() => readAddress("ftp://head")).toThrow("http:// or https://");
    expect(() => readAddress("http://me:secret@head")).toThrow("Set Ray Token");
    expect(() => readAddress("http://")).toThrow("no address");
  });
});

function endless(): AbortSignal {
  return new AbortController().signal;
}

async function drain(tail: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of tail) text += piece;
  return text;
}
