/** When a died engine is started again. */
export interface RestartTimes {
  /** Milliseconds to wait before each attempt; its length is the number of attempts. */
  readonly delays: readonly number[];
}

/** At most three restarts, 1, 2 and 4 seconds apart. */
export const DEFAULT_RESTART_TIMES: RestartTimes = {
  delays: [1000, 2000, 4000],
};

/**
 * The state of restarting, and nothing else: no process, no timer.
 * A success (an answered request that did work) sets the count back.
 */
export class RestartPolicy {
  private attempts = 0;

  constructor(private readonly times: RestartTimes = DEFAULT_RESTART_TIMES) {}

  /** Attempts made since the last success. */
  get used(): number {
    return this.attempts;
  }

  /** Whether no attempt is left. */
  get exhausted(): boolean {
    return this.attempts >= this.times.delays.length;
  }

  /** Counts one attempt. @returns milliseconds to wait before it, or undefined where none is left */
  next(): number | undefined {
    const delay = this.times.delays[this.attempts];
    if (delay === undefined) {
      return undefined;
    }
    this.attempts += 1;
    return delay;
  }

  /** The engine did work, or the user asked for another try: all attempts are there again. */
  reset(): void {
    this.attempts = 0;
  }
}
