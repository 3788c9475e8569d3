import { join } from "node:path";
import { toColumns } from "../../core/run/metricsColumns";
import { RUN_FOLDER } from "../../core/run/folder";
import type { Row } from "../../core/run/sampling";
import { packed, type RunHead } from "../../core/panels/dashboardProtocol";
import type { Run } from "../runs/run";
import { shownName } from "./shownName";
import { MetricsFile } from "./metricsFile";

/** How much is read of a run, by how many are shown beside it. */
export interface Budget {
  /** Rows of the first picture of a file that is not read whole. */
  readonly first: number;
  /** Rows once the file was gone through. */
  readonly full: number;
  /** Bytes up to which a file is read whole at once. */
  readonly whole: number;
  /** Rows beyond which old ones are thinned out. */
  readonly most: number;
}

/** Rows of all runs' first picture: to read and draw one takes some 0.1 milliseconds. */
const FIRST_ROWS = 4000;
const FULL_ROWS = 40_000;
const WHOLE_BYTES = 24 << 20;

export function budgetFor(runs: number): Budget {
  const share = (total: number, from: number, to: number) =>
    Math.max(from, Math.min(to, Math.floor(total / Math.max(1, runs))));
  const full = share(FULL_ROWS, 300, 600);
  return {
    first: share(FIRST_ROWS, 40, 300),
    full,
    whole: share(WHOLE_BYTES, 1 << 16, 2 << 20),
    most: 4 * full,
  };
}

/** One run of a dashboard: its folder's snapshot and the rows that are drawn. */
export class WatchedRun {
  run: Run;
  readonly metrics: MetricsFile;
  /** Why the metrics cannot be read. */
  private problem = "";

  constructor(
    readonly folder: string,
    run: Run,
    private readonly budget: Budget,
  ) {
    this.run = run;
    this.metrics = new MetricsFile(
      join(folder, RUN_FOLDER.metrics),
      budget.first,
    );
  }

  /** Takes a later snapshot. One that cannot be read keeps the run's name and group. */
  update(run: Run): void {
    const { name, group } = this.run;
    this.run =
      run.state === "unreadable"
        ? { ...run, name, ...(group && { group }) }
        : run;
  }

  async open(): Promise<void> {
    await this.guarded(() => this.metrics.open(this.budget.whole));
  }

  /** Rows that were appended; "all" where the rows were read anew. */
  async poll(): Promise<readonly Row[] | "all"> {
    let result: readonly Row[] | "all" = [];
    await this.guarded(async () => {
      const tail = await this.metrics.tail();
      if (tail.kind === "replaced") {
        await this.metrics.survey(this.budget.full);
        result = "all";
      }
      if (tail.kind !== "grown") return;
      result = tail.rows;
      if (this.metrics.rows.length <= this.budget.most) return;
      this.metrics.thin(this.budget.most);
      result = "all";
    });
    return result;
  }

  survey(signal?: AbortSignal): Promise<void> {
    return this.guarded(() => this.metrics.survey(this.budget.full, signal));
  }

  detail(from: number, to: number): Promise<void> {
    return this.guarded(() => this.metrics.detail(from, to, this.budget.whole));
  }

  head(): RunHead {
    const { run } = this;
    const { status } = run;
    return {
      folder: this.folder,
      name: shownName(run.name),
      group: shownName(run.group ?? ""),
      state: run.state,
      isStopping: run.isStopping ?? false,
      message: shownName(this.problem || (run.problem ?? lastWord(run))),
      step: status?.step ?? run.latest?.step ?? 0,
      steps: status?.steps ?? 0,
      eta: run.state === "running" ? (status?.eta ?? null) : null,
      memory: status?.memory ?? null,
    };
  }

  columns() {
    const { rows, isComplete, bad } = this.metrics;
    const all = toColumns(rows.map(({ line }) => line));
    return { ...packed(this.folder, all), isComplete, bad };
  }

  /** A file that cannot be read is told of in the run's head, and harms no other run. */
  private async guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problem = "";
    } catch (error) {
      this.problem = `${RUN_FOLDER.metrics}: ${(error as Error).message}`;
    }
  }
}

/** What the trainer said last. One that was killed was at something, and is no more. */
function lastWord({ state, status }: Run): string {
  return state === "interrupted"
    ? "its trainer is gone; it can be resumed"
    : (status?.message ?? "");
}
