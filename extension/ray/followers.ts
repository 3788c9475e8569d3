import { existsSync } from "node:fs";
import path from "node:path";
import { Follower, pause } from "./follower";
import { lockForFollowing } from "./followerLock";
import type { JobsClient } from "./jobsClient";
import { type RayState, readRayState } from "./rayState";

/** Milliseconds after which a run that another window follows is looked at again. */
const LOCKED = 15_000;

/** The runs that this window follows. */
export class Followers {
  private readonly running = new Map<
    string,
    { readonly abort: AbortController; readonly done: Promise<void> }
  >();

  /**
   * @param clientFor for a cluster's address, with the token that the user gave for it
   * @param onOver a run that need not be followed any more: its job is over, or its folder is gone
   */
  constructor(
    private readonly clientFor: (address: string) => Promise<JobsClient>,
    private readonly log: (line: string) => void,
    private readonly onOver: (folder: string) => unknown,
  ) {}

  /** Follows a run until its job is over; one that is followed already goes on. */
  follow(folder: string): void {
    if (this.running.has(folder)) return;
    const abort = new AbortController();
    const done = this.run(folder, abort.signal)
      .catch((error: unknown) =>
        this.log(
          `${path.basename(folder)} is not followed any more: ${String(error)}`,
        ),
      )
      .finally(() => this.running.delete(folder));
    this.running.set(folder, { abort, done });
  }

  /** Leaves a run alone: its job goes on. */
  async leave(folder: string): Promise<void> {
    const one = this.running.get(folder);
    one?.abort.abort();
    await one?.done;
  }

  /** Follows all of them anew: a token has changed. */
  async again(): Promise<void> {
    const folders = [...this.running.keys()];
    await this.close();
    for (const folder of folders) this.follow(folder);
  }

  /** The jobs go on; the next window follows them. */
  async close(): Promise<void> {
    await Promise.all([...this.running.keys()].map((one) => this.leave(one)));
  }

  private async run(folder: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const state = await stateOf(folder);
      if (state === undefined || state.over) {
        await this.onOver(folder);
        return;
      }
      const unlock = await lockForFollowing(folder);
      if (unlock === undefined) {
        await pause(LOCKED, signal);
        continue;
      }
      try {
        const client = await this.clientFor(state.address);
        await new Follower(folder, client, this.log).follow(signal);
      } finally {
        await unlock();
      }
    }
  }
}

/** undefined for a folder that the user deleted. @throws Error for one that is damaged */
async function stateOf(folder: string): Promise<RayState | undefined> {
  return existsSync(folder) ? readRayState(folder) : undefined;
}
