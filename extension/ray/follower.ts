import { open, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { isAlive, isLiveState, type RunStatus } from "../../core/run/folder";
import { isTemporary, Lines, readFrame, readLine } from "../../core/run/stream";
import { isMissing, isOver, type JobInfo, type JobsClient } from "./jobsClient";
import { JobsError } from "./jobsError";
import { type RayState, readRayState, writeRayState } from "./rayState";
import { StreamedFolder } from "./streamedFolder";

/** What the job prints beside frames, for a person. */
const OUTPUT_FILE = "ray.log";

/** Lines of the output that a failed run's message quotes. */
const QUOTED_LINES = 8;

/** Times in milliseconds. */
export interface FollowerTimes {
  /** Between looks at the job's state, each of which is a heartbeat. */
  readonly look: number;
  /** Before the first new try of a lost connection; doubles up to `longest`. */
  readonly first: number;
  readonly longest: number;
  /** Of silence, after which the output of a job that is over is fetched as a whole. */
  readonly grace: number;
}

const TIMES: FollowerTimes = {
  look: 10_000,
  first: 1000,
  longest: 60_000,
  grace: 30_000,
};

/** Tries of the WebSocket that bring nothing new, after which the output is fetched as a whole. */
const FRUITLESS = 3;

/** A frame is not where it should be: the output is read again, and if it is still not there, it is lost. */
class FrameLost extends Error {
  constructor(readonly after: number) {
    super(`frame ${after + 1} is damaged or missing`);
  }
}

/** Makes a local run folder of what a job prints, through lost connections and reloads, each step exactly once. */
export class Follower {
  private readonly local: StreamedFolder;
  private state!: RayState;
  /** Frames behind this number may be missing: reading again did not bring them. */
  private forgiven = -1;
  private lastLines: string[] = [];
  /** The job said that this was all. */
  private isWhole = false;
  /** Why the trainer gave up, in its own words. */
  private reason: string | undefined;
  /** When the last piece of output came. */
  private heard = 0;

  constructor(
    readonly folder: string,
    private readonly client: JobsClient,
    private readonly log: (line: string) => void,
    private readonly times: FollowerTimes = TIMES,
  ) {
    this.local = new StreamedFolder(folder);
  }

  /** Follows until the job is over and all of its output is in the folder, or until `signal`. */
  async follow(signal: AbortSignal): Promise<void> {
    this.state = await readRayState(this.folder);
    if (this.state.over) return;
    let fruitless = 0;
    let wait = this.times.first;
    for (;;) {
      const before = this.state.sequence;
      let problem: unknown;
      try {
        const whole = fruitless >= FRUITLESS;
        await this.readWithHeartbeat(signal, whole);
        const info = await this.client.info(this.state.job, signal);
        if (isOver(info)) {
          if (!this.isWhole && !whole) await this.readRest(signal);
          return await this.end(info);
        }
      } catch (error) {
        if (signal.aborted) return;
        problem = error;
      }
      if (isMissing(problem)) return await this.forgotten();
      if (problem instanceof FrameLost) {
        this.log(`${this.name}: ${problem.message}; its output is read again`);
        this.forgiven = problem.after;
        continue;
      }
      const progress = this.state.sequence > before;
      fruitless = progress || fruitless >= FRUITLESS ? 0 : fruitless + 1;
      if (progress) wait = this.times.first;
      if (problem !== undefined) await this.notFollowed(problem);
      await pause(wait, signal);
      if (signal.aborted) return;
      wait = Math.min(2 * wait, this.times.longest);
    }
  }

  /** Reads the output from its beginning and does what is new in it. @param whole in one request, not over a WebSocket */
  private async read(signal: AbortSignal, whole: boolean): Promise<void> {
    const { job } = this.state;
    const lines = new Lines();
    this.lastLines = [];
    this.heard = Date.now();
    // From the beginning each time, so that nothing stands in it twice.
    const output = await open(path.join(this.folder, OUTPUT_FILE), "w");
    try {
      const pieces = whole
        ? [await this.client.logs(job, signal)]
        : this.client.tail(job, signal);
      for await (const piece of pieces) {
        this.heard = Date.now();
        await this.take(lines.add(piece), output);
        signal.throwIfAborted();
      }
      await this.take([lines.end()], output);
    } finally {
      await output.close();
    }
  }

  /** A job that was killed, or a connection that ended as if it were: whether there is more, the whole output says. */
  private async readRest(signal: AbortSignal): Promise<void> {
    try {
      await this.read(signal, true);
    } catch (error) {
      // Too long to be fetched at once, for one. What came is kept.
      if (!(error instanceof JobsError) || error.failure === "unreachable")
        throw error;
      this.log(`${this.name}: ${error.message}`);
    }
  }

  private async take(lines: readonly string[], output: FileHandle) {
    let text = "";
    for (const line of lines) {
      const read = readLine(line);
      if (read.kind === "text") {
        // Ray colours what it says of others' output.
        const words = stripVTControlCharacters(read.text);
        if (words.trim() === "") continue;
        text += `${words}\n`;
        this.lastLines.push(words.trim());
        if (this.lastLines.length > QUOTED_LINES) this.lastLines.shift();
      } else if (read.kind === "damaged") {
        // The gap that it leaves shows at the next frame.
        continue;
      } else if (read.number > this.state.sequence) {
        await this.takeFrame(read.number, read.json);
      }
    }
    if (text !== "") await output.appendFile(text);
  }

  private async takeFrame(number: number, json: string): Promise<void> {
    const { sequence } = this.state;
    const frame = readFrame(json);
    const isDone =
      frame !== undefined &&
      (number === sequence + 1 || this.forgiven === sequence) &&
      (await this.local.apply(frame));
    if (number !== sequence + 1 || !isDone) {
      if (this.forgiven !== sequence) throw new FrameLost(sequence);
      const last = isDone ? number - 1 : number;
      this.log(`${this.name}: frames ${sequence + 1} to ${last} are lost`);
    }
    if (frame?.op === "end") {
      this.isWhole = true;
      this.reason = frame.failed;
    }
    this.state = { ...this.state, sequence: number };
    if (frame?.op !== "write" || !isTemporary(frame.path))
      await writeRayState(this.folder, this.state);
  }

  /** Reads, and looks at the job from time to time: the folder's heartbeat, and the end of a reading that hangs. */
  private async readWithHeartbeat(
    signal: AbortSignal,
    whole: boolean,
  ): Promise<void> {
    const inner = new AbortController();
    const until = AbortSignal.any([signal, inner.signal]);
    let hangs = false;
    const looking = this.lookOn(until, () => {
      hangs = true;
      inner.abort();
    });
    try {
      await this.read(until, whole);
    } catch (error) {
      if (!hangs) throw error;
    } finally {
      inner.abort();
      await looking;
    }
    if (hangs) await this.readRest(signal);
  }

  private async lookOn(signal: AbortSignal, giveUp: () => void): Promise<void> {
    for (;;) {
      try {
        const info = await this.client.info(this.state.job, signal);
        if (!isOver(info)) await this.alive(info);
        else if (Date.now() - this.heard > this.times.grace) return giveUp();
      } catch {
        // The reading meets the same trouble, and says so.
      }
      await pause(this.times.look, signal);
      if (signal.aborted) return;
    }
  }

  private async alive(info: JobInfo): Promise<void> {
    const heartbeat = new Date().toISOString();
    const waiting =
      info.status === "PENDING" && this.state.sequence === 0
        ? `waiting for the cluster: ${info.message ?? "pending"}`.slice(0, 300)
        : undefined;
    await this.local.changeStatus((status) =>
      isLiveState(status.state)
        ? { ...status, heartbeat, ...(waiting && { message: waiting }) }
        : undefined,
    );
  }

  private async end(info: JobInfo): Promise<void> {
    const heartbeat = new Date().toISOString();
    await this.local.changeStatus((status) => {
      if (!isLiveState(status.state)) return undefined;
      const [state, message]: [RunStatus["state"], string] =
        info.status === "STOPPED"
          ? ["stopped", "stopped on the cluster"]
          : ["failed", this.whyFailed(info)];
      return { ...status, heartbeat, state, message, eta: null };
    });
    await this.over();
  }

  private whyFailed(info: JobInfo): string {
    if (this.reason !== undefined) return this.reason;
    const said = (info.message ?? "").split("\n")[0]!.slice(0, 300);
    return [
      `The job ended on the Ray cluster: ${said || info.status}`,
      ...this.lastLines.map((line) => line.slice(0, 300)),
    ].join("\n");
  }

  /** The cluster was started anew, or the job deleted there. */
  private async forgotten(): Promise<void> {
    await this.local.changeStatus((status) =>
      isLiveState(status.state)
        ? {
            ...status,
            state: "failed",
            eta: null,
            message: `The Ray cluster at ${this.state.address} does not know the job ${this.state.job} any more: it was started anew, or the job was deleted. Resume goes on from the last checkpoint.`,
          }
        : undefined,
    );
    await this.over();
  }

  private async over(): Promise<void> {
    this.state = { ...this.state, over: true };
    await writeRayState(this.folder, this.state);
    this.log(`${this.name}: the job ${this.state.job} is over`);
  }

  /** The heartbeat stays as old as it is; the message says why. */
  private async notFollowed(problem: unknown): Promise<void> {
    const why = problem instanceof Error ? problem.message : String(problem);
    this.log(`${this.name}: ${why}`);
    if (!(problem instanceof JobsError)) throw problem;
    await this.local.changeStatus((status) =>
      isLiveState(status.state) && !isAlive(status, Date.now())
        ? { ...status, message: `not followed: ${why}` }
        : undefined,
    );
  }

  private get name(): string {
    return path.basename(this.folder);
  }
}

/** Resolves after `milliseconds` or when `signal` fires. */
export function pause(
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
