/** The part of Ray's Jobs REST interface that a run needs. Shapes: doc/source/cluster/running-applications/job-submission/openapi.yml. */
import { createWebSocketStream, WebSocket } from "ws";
import { z } from "zod";
import { JobsError, errorOfAnswer } from "./jobsError";
import { authorization, type Cluster, request, unreachable } from "./request";

/** Milliseconds for the WebSocket's handshake. */
const HANDSHAKE = 15_000;

/** Milliseconds between signs of life on a tail that is silent. */
const PING = 20_000;

/** Bytes of one WebSocket message at most. Ray sends about 20 kB and the rest of a line. */
const LARGEST_MESSAGE = 16 * 1024 * 1024;

const version = z.object({
  version: z.string(),
  ray_version: z.string(),
});

const job = z.object({
  status: z.enum(["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]),
  /** For a person. */
  message: z.string().nullish(),
  error_type: z.string().nullish(),
});

export type JobInfo = z.output<typeof job>;

/** What is submitted. */
export interface Submission {
  /** Ours, so that a repeated request starts nothing twice. */
  readonly id: string;
  /** A shell's command line. */
  readonly entrypoint: string;
  /** A package, as `uploadPackage` gives it. */
  readonly workingDir: string;
  /** pip requirements that the job's environment gets; none leaves the cluster's own. */
  readonly pip: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Whether a job will not change any more. */
export function isOver({ status }: JobInfo): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}

/** A cluster's jobs. Every method throws JobsError. */
export class JobsClient {
  constructor(readonly cluster: Cluster) {}

  /** Ray's version, such as 2.58.0. */
  async version(signal?: AbortSignal): Promise<string> {
    const text = await this.ask({
      method: "GET",
      path: "/api/version",
      doing: "say its version",
      silence: 10_000,
      ...(signal && { signal }),
    });
    return this.read(version, text, "say its version").ray_version;
  }

  /**
   * Puts a working directory where the cluster's nodes find it, unless it is there already.
   * @param zip its content, in pieces
   * @param name the content's hash, in hexadecimal
   * @returns its address for `Submission.workingDir`
   */
  async uploadPackage(
    zip: readonly Uint8Array[],
    name: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const file = `_ray_pkg_${name}.zip`;
    const path = `/api/packages/gcs/${file}`;
    const doing = "take the run's files";
    const common = { path, doing, ...(signal && { signal }) };
    try {
      await this.ask({ ...common, method: "GET" });
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.ask({ ...common, method: "PUT", body: zip });
    }
    return `gcs://${file}`;
  }

  /**
   * Starts a job, once: where an answer was lost, or the request is repeated, the job of that id is the one that was
   * asked for.
   */
  async submit(submission: Submission, signal?: AbortSignal): Promise<void> {
    const doing = "submit the job";
    const body = JSON.stringify({
      submission_id: submission.id,
      entrypoint: submission.entrypoint,
      runtime_env: {
        working_dir: submission.workingDir,
        env_vars: submission.environment,
        ...(submission.pip.length > 0 && { pip: submission.pip }),
      },
      metadata: submission.metadata,
    });
    try {
      await this.ask({
        method: "POST",
        path: "/api/jobs/",
        doing,
        body,
        // The head may have to wait for its agent first.
        silence: 60_000,
        ...(signal && { signal }),
      });
    } catch (error) {
      // A lost answer, or the word that the id is taken: either way the cluster knows whether the job is there.
      if (signal?.aborted || !(await this.exists(submission.id))) throw error;
    }
  }

  async info(id: string, signal?: AbortSignal): Promise<JobInfo> {
    const doing = "say how the job is";
    const text = await this.ask({
      method: "GET",
      path: `/api/jobs/${encodeURIComponent(id)}`,
      doing,
      ...(signal && { signal }),
    });
    return this.read(job, text, doing);
  }

  /** Ends a job: SIGTERM to its driver, and SIGKILL some seconds later. */
  async stop(id: string): Promise<void> {
    await this.ask({
      method: "POST",
      path: `/api/jobs/${encodeURIComponent(id)}/stop`,
      doing: "stop the job",
    });
  }

  /** All that a job has printed so far. For where WebSockets do not get through. */
  async logs(id: string, signal?: AbortSignal): Promise<string> {
    const doing = "give the job's output";
    const text = await this.ask({
      method: "GET",
      path: `/api/jobs/${encodeURIComponent(id)}/logs`,
      doing,
      silence: 120_000,
      ...(signal && { signal }),
    });
    return (
      this.read(z.object({ logs: z.string().nullable() }), text, doing).logs ??
      ""
    );
  }

  /**
   * What a job prints, from its beginning on, in pieces, until the job is over.
   * @throws JobsError also where the connection breaks
   */
  async *tail(id: string, signal: AbortSignal): AsyncGenerator<string> {
    const doing = "give the job's output";
    const { address } = this.cluster;
    const url = `${address.replace(/^http/, "ws")}/api/jobs/${encodeURIComponent(id)}/logs/tail`;
    const socket = new WebSocket(url, {
      headers: authorization(this.cluster),
      handshakeTimeout: HANDSHAKE,
      maxPayload: LARGEST_MESSAGE,
      perMessageDeflate: false,
    });
    let refusal: JobsError | undefined;
    socket.on("unexpected-response", (sent, answer) => {
      refusal = errorOfAnswer(doing, address, answer.statusCode ?? 0, "");
      // `terminate` would report an error of its own; the refusal says more.
      sent.destroy(refusal);
      socket.terminate();
    });
    let closed: number | undefined;
    socket.on("close", (code) => (closed = code));
    const end = () => socket.terminate();
    signal.addEventListener("abort", end);
    const letGo = keepAlive(socket);
    const stream = createWebSocketStream(socket, { encoding: "utf8" });
    try {
      for await (const piece of stream) yield piece as string;
    } catch (error) {
      signal.throwIfAborted();
      throw refusal ?? unreachable(address, doing, error);
    } finally {
      letGo();
      signal.removeEventListener("abort", end);
      stream.on("error", () => undefined);
      socket.on("error", () => undefined);
      socket.terminate();
    }
    signal.throwIfAborted();
    // 1000, or a close frame without a code: Ray has nothing more to say. All else is a connection that broke.
    if (closed !== 1000 && closed !== 1005)
      throw (
        refusal ??
        unreachable(address, doing, `connection lost (${closed ?? "no close"})`)
      );
  }

  private async exists(id: string): Promise<boolean> {
    try {
      await this.info(id);
      return true;
    } catch {
      return false;
    }
  }

  private ask(asked: Parameters<typeof request>[1]): Promise<string> {
    return request(this.cluster, asked);
  }

  private read<T>(schema: z.ZodType<T>, text: string, doing: string): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw new JobsError(
        `${this.cluster.address} could not ${doing}: its answer is not Ray's (${JSON.stringify(text.slice(0, 80))}). Check forksight.ray.address.`,
        "failed",
      );
    }
  }
}

/** Whether an error says that the cluster does not have what was asked for. */
export function isMissing(error: unknown): boolean {
  return error instanceof JobsError && error.failure === "missing";
}

/**
 * Keeps a silent connection open: pings, for the proxies on the way, which close what is idle; and TCP's own probes, which
 * end it where the other side is gone. Ray 2.58 answers no ping while it sends, so that none is waited for.
 */
function keepAlive(socket: WebSocket): () => void {
  socket.on("upgrade", ({ socket: below }) => below.setKeepAlive(true, PING));
  const timer = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, PING);
  return () => clearInterval(timer);
}
