import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Address } from "../../../extension/ray/address";

export interface ServedJob {
  status: "PENDING" | "RUNNING" | "STOPPED" | "SUCCEEDED" | "FAILED";
  message: string;
  /** All that it printed. */
  output: string;
  body: Record<string, unknown>;
}

/** What befalls a reader of the output. */
export type Tailing =
  | { readonly kind: "all" }
  /** The connection breaks inside a WebSocket frame, so many characters in. */
  | { readonly kind: "cut"; readonly after: number }
  /** The connection closes as it does at a job's end, so many characters in. */
  | { readonly kind: "close"; readonly after: number }
  /** Its beginning comes twice, so many characters of it. */
  | { readonly kind: "again"; readonly first: number }
  /** A proxy that knows no WebSockets. */
  | { readonly kind: "refuse"; readonly status: number };

const DUPLICATE = (id: string) => `Traceback (most recent call last):
  File "/ray/dashboard/modules/job/job_head.py", line 407, in submit_job
    resp = await job_agent_client.submit_job_internal(submit_request)
ValueError: Job with submission_id ${id} already exists. Please use a different submission_id.
`;

/** Speaks the shapes of Ray's Jobs interface, as they were recorded from a head of Ray 2.58. */
export class JobsServer {
  readonly jobs = new Map<string, ServedJob>();
  readonly packages = new Map<string, Buffer>();
  /** `METHOD path` of every request, in order. */
  readonly requests: string[] = [];
  /** Token that is asked for. */
  token: string | undefined;
  /** So many submissions are done and their answers lost. */
  lostReplies = 0;
  /** Answers in place of the real ones, by `METHOD path`. */
  readonly answers = new Map<string, { status: number; body: string }>();
  /** What befalls the next readers of the output; after those, nothing. */
  tailings: Tailing[] = [];
  /** Called when a job is submitted. */
  onSubmit: (id: string, job: ServedJob) => void = () => undefined;
  /** Characters of a message. */
  piece = 20_000;

  private readonly server = http.createServer((asked, answer) => {
    this.answer(asked, answer);
  });
  /** Ray 2.58 answers no ping while it sends a job's output. */
  private readonly sockets = new WebSocketServer({
    noServer: true,
    autoPong: false,
  });
  private readonly listeners = new Set<() => void>();

  async start(): Promise<Address> {
    this.server.on("upgrade", (asked, socket, head) =>
      this.upgrade(asked, socket, head),
    );
    await new Promise<void>((resolve) =>
      this.server.listen(0, "127.0.0.1", resolve),
    );
    const { port } = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}` as Address;
  }

  async stop(): Promise<void> {
    for (const one of this.sockets.clients) one.terminate();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  print(id: string, text: string): void {
    this.jobs.get(id)!.output += text;
    this.changed();
  }

  end(id: string, status: ServedJob["status"], message = ""): void {
    Object.assign(this.jobs.get(id)!, { status, message });
    this.changed();
  }

  private changed(): void {
    for (const one of this.listeners) one();
  }

  private answer(
    asked: http.IncomingMessage,
    answer: http.ServerResponse,
  ): void {
    const parts: Buffer[] = [];
    asked.on("data", (part: Buffer) => parts.push(part));
    asked.on("end", () => {
      const key = `${asked.method} ${asked.url}`;
      this.requests.push(key);
      const reply = (status: number, body: unknown) => {
        answer.statusCode = status;
        answer.end(typeof body === "string" ? body : JSON.stringify(body));
      };
      const set = this.answers.get(key);
      if (set) return reply(set.status, set.body);
      if (asked.headers["sec-fetch-mode"] !== undefined)
        return reply(405, "405: Method Not Allowed");
      if (
        this.token !== undefined &&
        asked.headers.authorization !== `Bearer ${this.token}`
      )
        return reply(401, "Unauthorized: Missing or invalid token");
      this.route(asked, Buffer.concat(parts), answer, reply);
    });
  }

  private route(
    { method, url = "" }: http.IncomingMessage,
    body: Buffer,
    answer: http.ServerResponse,
    reply: (status: number, body: unknown) => void,
  ): void {
    if (url === "/api/version")
      return reply(200, {
        version: "4",
        ray_version: "2.58.0",
        ray_commit: "abc",
      });
    const pkg = /^\/api\/packages\/gcs\/(_ray_pkg_[0-9a-f]+\.zip)$/.exec(url);
    if (pkg) {
      if (method === "PUT") this.packages.set(pkg[1]!, body);
      return this.packages.has(pkg[1]!)
        ? reply(200, "")
        : reply(404, `Package gcs://${pkg[1]} does not exist`);
    }
    if (url === "/api/jobs/" && method === "POST") {
      const asked = JSON.parse(body.toString()) as Record<string, unknown>;
      const id = String(asked["submission_id"]);
      if (this.jobs.has(id)) return reply(500, DUPLICATE(id));
      const job: ServedJob = {
        status: "PENDING",
        message: "Job has not started yet.",
        output: "",
        body: asked,
      };
      this.jobs.set(id, job);
      this.onSubmit(id, job);
      if (this.lostReplies-- > 0) return void answer.socket!.destroy();
      return reply(200, { job_id: id, submission_id: id });
    }
    const [, id = "", what] = /^\/api\/jobs\/([^/]+)(?:\/(.*))?$/.exec(url)!;
    const job = this.jobs.get(id);
    if (!job) return reply(404, `Job ${id} does not exist`);
    if (what === undefined) {
      const { status, message } = job;
      return reply(200, {
        type: "SUBMISSION",
        submission_id: id,
        status,
        message,
        error_type: null,
      });
    }
    if (what === "logs") return reply(200, { logs: job.output });
    if (what === "stop" && method === "POST") {
      if (job.status === "PENDING" || job.status === "RUNNING")
        this.end(id, "STOPPED", "Job was intentionally stopped.");
      return reply(200, { stopped: true });
    }
    reply(404, "404: Not Found");
  }

  private upgrade(
    asked: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    this.requests.push(`TAIL ${asked.url}`);
    // Windows that close leave connections behind.
    socket.on("error", () => undefined);
    const id = /\/api\/jobs\/([^/]+)\/logs\/tail$/.exec(asked.url!)?.[1] ?? "";
    const tailing = this.tailings.shift() ?? { kind: "all" };
    if (tailing.kind === "refuse") return refuse(socket, tailing.status);
    const refused =
      this.token !== undefined &&
      asked.headers.authorization !== `Bearer ${this.token}`
        ? 401
        : this.jobs.has(id)
          ? undefined
          : 404;
    if (refused !== undefined) return refuse(socket, refused);
    this.sockets.handleUpgrade(asked, socket, head, (ws) =>
      this.tail(id, ws, socket, tailing),
    );
  }

  private tail(
    id: string,
    ws: WebSocket,
    socket: Duplex,
    tailing: Exclude<Tailing, { kind: "refuse" }>,
  ): void {
    let sent = 0;
    let repeats = tailing.kind === "again";
    const limit =
      tailing.kind === "cut" || tailing.kind === "close"
        ? tailing.after
        : Infinity;
    const done = () => this.listeners.delete(more);
    const more = () => {
      const { output, status } = this.jobs.get(id)!;
      if (
        tailing.kind === "again" &&
        repeats &&
        output.length >= tailing.first
      ) {
        repeats = false;
        ws.send(output.slice(0, tailing.first) + "\n");
      }
      while (sent < Math.min(output.length, limit)) {
        const next = Math.min(sent + this.piece, output.length, limit);
        ws.send(output.slice(sent, next));
        sent = next;
      }
      if (sent >= limit) {
        done();
        if (tailing.kind === "close") ws.close(1000);
        else {
          // The head of a frame that promises more than comes.
          socket.write(Buffer.from([0x81, 100, 0x23, 0x66]));
          socket.end();
        }
      } else if (status !== "PENDING" && status !== "RUNNING") {
        done();
        ws.close(1000);
      }
    };
    ws.on("close", done);
    ws.on("error", done);
    this.listeners.add(more);
    more();
  }
}

function refuse(socket: Duplex, status: number): void {
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  );
}

/** A hash for comparing files. */
export function sha(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 12);
}
