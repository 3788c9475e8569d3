/** status.json, renewed while the process lives, and the terminal's line. */
import { hostname } from "node:os";
import { duration } from "../../core/run/duration";
import type { RunActivity, RunState, RunStatus } from "../../core/run/folder";

/** Milliseconds between heartbeats. */
const HEARTBEAT = 5000;
/** Milliseconds between two writes at least, however often the activity changes. */
const RARELY = 500;
/** The last steps whose time the estimate is taken from. */
const RECENT_STEPS = 10;

export interface StatusSink {
  writeStatus(status: RunStatus): void;
}

/** Where a person may be looking on. */
export interface Onlooker {
  /** What is done now, a short line without a line break. */
  line(text: string): void;
  /** Something that stays. */
  note(text: string): void;
}

export class StatusBoard {
  private state: RunState = "preparing";
  private message = "";
  private activity: RunActivity | undefined = "load";
  private written = 0;
  private readonly stepSeconds: number[] = [];
  /** When the first step of this process began, in milliseconds. */
  private begun: number | undefined;
  /** Seconds in steps, and their number. */
  private steppedFor = 0;
  private stepped = 0;
  /** Seconds between two steps, on the average. */
  private between = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly sink: StatusSink,
    private readonly onlooker: Onlooker,
    private steps: number,
    /** Steps that are done already. */
    private step: number,
  ) {}

  /** Begins the heartbeat, which does not keep the process alive by itself. */
  start(): void {
    this.timer = setInterval(() => this.write(), HEARTBEAT);
    this.timer.unref();
    this.write();
  }

  /** @param done share of the activity, 0 to 1, where it is known */
  doing(activity: RunActivity, message: string, done?: number): void {
    const changed = this.activity !== activity;
    this.activity = activity;
    this.message =
      done === undefined ? message : `${message} ${Math.floor(100 * done)} %`;
    this.onlooker.line(this.text());
    if (changed || Date.now() - this.written > RARELY) this.write();
  }

  running(step: number): void {
    this.state = "running";
    this.step = step;
    this.write();
  }

  stepDone(step: number, seconds: number): void {
    this.step = step;
    this.begun ??= performance.now() - 1000 * seconds;
    this.steppedFor += seconds;
    this.stepped += 1;
    // Between the steps the run evaluates and compares.
    const since = (performance.now() - this.begun) / 1000;
    this.between = Math.max(0, since - this.steppedFor) / this.stepped;
    this.stepSeconds.push(seconds);
    if (this.stepSeconds.length > RECENT_STEPS) this.stepSeconds.shift();
    this.write();
  }

  /** The last word; ends the heartbeat. */
  end(state: "done" | "stopped" | "failed", message: string): void {
    clearInterval(this.timer);
    this.state = state;
    this.message = message;
    this.activity = undefined;
    this.write();
    this.onlooker.line("");
  }

  /** Seconds, or null before the first step is done. */
  private eta(): number | null {
    if (this.state === "done") return 0;
    if (this.stepSeconds.length === 0) return null;
    const sum = this.stepSeconds.reduce((total, one) => total + one, 0);
    const perStep = sum / this.stepSeconds.length + this.between;
    return Math.round(perStep * (this.steps - this.step) * 10) / 10;
  }

  private text(): string {
    const eta = this.eta();
    const left = eta === null ? "" : `, ${duration(eta)} left`;
    return `step ${Math.min(this.step + 1, this.steps)}/${this.steps}${left}: ${this.message}`;
  }

  private write(): void {
    this.written = Date.now();
    const { state, step, steps, message, activity } = this;
    try {
      this.sink.writeStatus({
        state,
        step,
        steps,
        heartbeat: new Date().toISOString(),
        eta: this.eta(),
        message,
        ...(activity && { activity }),
        pid: process.pid,
        host: hostname(),
        memory: process.memoryUsage.rss(),
      });
    } catch (error) {
      // A full disk stops the run where a result is lost, not where a heartbeat is.
      this.onlooker.note(`status.json could not be written: ${String(error)}`);
    }
  }
}
