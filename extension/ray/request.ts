import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";
import { errorOfAnswer, JobsError } from "./jobsError";
import type { Address } from "./address";

/** Milliseconds without a byte in either direction after which a request is given up. */
const SILENCE = 30_000;

/** Bytes of an answer at most. */
const LARGEST_ANSWER = 64 * 1024 * 1024;

/** Where requests go, and with which token. */
export interface Cluster {
  readonly address: Address;
  /** Undefined: none. */
  readonly token: string | undefined;
}

export interface Asked {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** From `/api/` on. */
  readonly path: string;
  /** What is done, for errors: "submit the job". */
  readonly doing: string;
  /** JSON, or bytes in pieces. */
  readonly body?: string | readonly Uint8Array[];
  readonly signal?: AbortSignal;
  /** Milliseconds; in place of 30 s. */
  readonly silence?: number;
}

/** The token as a header. */
export function authorization({ token }: Cluster): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

/**
 * Asks the cluster. By node:http, because Ray answers 405 to what `fetch` sends (Sec-Fetch-Mode).
 * @returns the answer's text
 * @throws JobsError
 */
export async function request(cluster: Cluster, asked: Asked): Promise<string> {
  const { status, text } = await exchange(cluster, asked);
  if (status >= 200 && status < 300) return text;
  throw errorOfAnswer(asked.doing, cluster.address, status, text);
}

function exchange(
  cluster: Cluster,
  { method, path, doing, body, signal, silence = SILENCE }: Asked,
): Promise<{ status: number; text: string }> {
  const url = new URL(cluster.address + path);
  const { request: open } = url.protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(
        signal?.aborted
          ? (signal.reason as Error)
          : error instanceof JobsError
            ? error
            : unreachable(cluster.address, doing, error),
      );
    const sent = open(
      url,
      {
        method,
        headers: {
          ...authorization(cluster),
          ...(typeof body === "string" && {
            "Content-Type": "application/json",
          }),
          ...(body !== undefined && { "Content-Length": sizeOf(body) }),
        },
        ...(signal && { signal }),
        timeout: silence,
      },
      (answer) => {
        const parts: Buffer[] = [];
        let size = 0;
        answer.on("data", (part: Buffer) => {
          size += part.length;
          if (size <= LARGEST_ANSWER) parts.push(part);
          else
            answer.destroy(
              new JobsError(
                `The Ray cluster's answer is larger than ${LARGEST_ANSWER >> 20} MB: it was not read.`,
                "failed",
              ),
            );
        });
        answer.on("error", fail);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            text: Buffer.concat(parts).toString("utf8"),
          }),
        );
      },
    );
    sent.on("timeout", () =>
      sent.destroy(new Error(`no answer within ${silence / 1000} s`)),
    );
    sent.on("error", fail);
    if (typeof body === "string" || body === undefined) sent.end(body);
    else Readable.from(body).pipe(sent);
  });
}

function sizeOf(body: string | readonly Uint8Array[]): number {
  return typeof body === "string"
    ? Buffer.byteLength(body)
    : body.reduce((sum, piece) => sum + piece.length, 0);
}

/** An error for a cluster that does not answer. */
export function unreachable(
  address: Address,
  doing: string,
  error: unknown,
): JobsError {
  const why =
    error instanceof Error ? error.message || error.name : String(error);
  return new JobsError(
    `The Ray cluster at ${address} cannot be reached to ${doing}: ${why}. Check forksight.ray.address, and that the head node runs.`,
    "unreachable",
  );
}
