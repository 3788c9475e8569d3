import {
  setImmediate as breathe,
  setTimeout as sleep,
} from "node:timers/promises";
import {
  type FromDashboard,
  packed,
  type StepRange,
  type ToDashboard,
} from "../../core/panels/dashboardProtocol";
import { toColumns } from "../../core/run/metricsColumns";
import { settingsDiff } from "../../core/run/settingsDiff";
import type { Run } from "../runs/run";
import type { NamedRun } from "./allData";
import { shownName } from "./shownName";
import { type Budget, budgetFor, WatchedRun } from "./watchedRun";

/** Milliseconds between two looks at the shown runs. */
const PERIOD = 1000;
/** Milliseconds in which the page draws what was sampled: going through the files would take a core from it. */
const PAUSE = 1000;
/** Runs that are opened at the same time, and sent together. */
const BATCH = 10;

/** What a session needs of the window. */
export interface SessionParts {
  /** Loses a message where no page listens: "ready" asks for all again. */
  post(message: ToDashboard): void;
  /** All runs that can be chosen. */
  known(): readonly Run[];
  /** A run's snapshot as it is now. Never throws. */
  read(folder: string): Promise<Run>;
  /** Is told the folders whenever other ones are shown. */
  keep?(folders: readonly string[]): void;
}

/** The runs that one dashboard shows: reads them, watches them while the page is visible, and answers the page. */
export class DashboardSession {
  private shown = new Map<string, WatchedRun>();
  private budget: Budget = budgetFor(1);
  private isReady = false;
  private timer: NodeJS.Timeout | undefined;
  private lastHeads = "";
  private lastSettings = "";
  private range: StepRange | undefined;
  private background = new AbortController();
  private surveying: Promise<void> = Promise.resolve();
  /** One change at a time. */
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly parts: SessionParts) {}

  get folders(): readonly string[] {
    return [...this.shown.keys()];
  }

  /** The shown runs by folder and name. */
  named(): readonly NamedRun[] {
    return [...this.shown.values()].map(({ folder, run }) => ({
      folder,
      name: shownName(run.name),
    }));
  }

  /** Shows exactly these runs; those that were shown keep their rows. */
  show(folders: readonly string[]): Promise<void> {
    return this.inTurn(async () => {
      const wanted = [...new Set(folders)];
      const before = this.shown;
      this.budget = budgetFor(wanted.length);
      const added: WatchedRun[] = [];
      const next = new Map<string, WatchedRun>();
      for (const folder of wanted) {
        const run = before.get(folder);
        if (run === undefined)
          added.push(new WatchedRun(folder, unread(folder), this.budget));
        next.set(folder, run ?? added.at(-1)!);
      }
      this.shown = next;
      this.parts.keep?.(wanted);
      await this.open(added);
      this.postSettings();
      this.surveySoon();
    });
  }

  /** Draws runs over those that are shown. */
  add(folders: readonly string[]): Promise<void> {
    return this.show([...this.folders, ...folders]);
  }

  /** Answers a message that asks for data; others are the panel's. */
  async receive(message: FromDashboard): Promise<void> {
    switch (message.type) {
      case "ready":
        this.isReady = true;
        await this.inTurn(() => this.postAll());
        break;
      case "show":
        await this.show(message.folders);
        break;
      case "refresh":
        this.postColumns([this.shown.get(message.folder)]);
        break;
      case "range":
        await this.setRange(message.range ?? undefined);
        break;
    }
  }

  /** Looks for changes every second, or no more. */
  watch(isVisible: boolean): void {
    clearInterval(this.timer);
    if (!isVisible) this.isReady = false;
    else this.timer = setInterval(() => void this.poll(), PERIOD);
  }

  /** Resolves once the sampled files have been gone through. */
  surveyed(): Promise<void> {
    return this.surveying;
  }

  /** The runs that can be chosen have changed. */
  knownChanged(): void {
    this.postHeads();
  }

  dispose(): void {
    clearInterval(this.timer);
    this.background.abort();
    this.shown.clear();
  }

  /** One look at the shown runs. */
  poll(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.isReady) return;
      for (const run of this.shown.values()) {
        run.update(await this.parts.read(run.folder));
        const before = run.metrics.rows.length;
        const last = run.metrics.rows.at(-1)?.line.step ?? -Infinity;
        const appended = await run.poll();
        if (appended === "all") this.postColumns([run]);
        else if (appended.length > 0) {
          const lines = appended.map(({ line }) => line);
          const ascends = lines.every(
            ({ step }, i) => step > (lines[i - 1]?.step ?? last),
          );
          if (ascends) {
            const columns = packed(run.folder, toColumns(lines));
            this.post({ type: "append", after: before, ...columns });
          } else this.postColumns([run]);
        }
      }
      this.postHeads();
      this.postSettings();
    });
  }

  private async open(runs: readonly WatchedRun[]): Promise<void> {
    for (let i = 0; i < runs.length; i += BATCH) {
      const batch = runs.slice(i, i + BATCH);
      await Promise.all(
        batch.map(async (run) => {
          run.update(await this.parts.read(run.folder));
          await run.open();
        }),
      );
      this.postHeads();
      this.postColumns(batch);
      await breathe();
    }
    this.postHeads();
  }

  private async postAll(): Promise<void> {
    this.lastHeads = this.lastSettings = "";
    this.postHeads();
    const runs = [...this.shown.values()];
    for (let i = 0; i < runs.length; i += BATCH) {
      this.postColumns(runs.slice(i, i + BATCH));
      await breathe();
    }
    this.postSettings();
  }

  /** Goes through the sampled files in the background, one after the other. */
  private surveySoon(): void {
    this.background.abort();
    this.background = new AbortController();
    const { signal } = this.background;
    const sampled = [...this.shown.values()].filter(
      ({ metrics }) => !metrics.isComplete,
    );
    this.surveying = (async () => {
      if (sampled.length === 0) return;
      await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
      for (const run of sampled) {
        if (signal.aborted) return;
        await run.survey(signal);
        if (!signal.aborted) this.postColumns([run]);
      }
    })();
  }

  private async setRange(range: StepRange | undefined): Promise<void> {
    this.range = range;
    if (range === undefined) return;
    await this.inTurn(async () => {
      for (const run of this.shown.values()) {
        // Another range was asked for in the meantime.
        if (this.range !== range) return;
        if (run.metrics.isComplete) continue;
        await run.detail(range.from, range.to);
        this.postColumns([run]);
      }
    });
  }

  private postColumns(runs: readonly (WatchedRun | undefined)[]): void {
    const known = runs.filter((run) => run !== undefined);
    if (!this.isReady || known.length === 0) return;
    this.post({ type: "columns", runs: known.map((run) => run.columns()) });
  }

  private postHeads(): void {
    if (!this.isReady) return;
    const known = this.parts.known().map((run) => ({
      folder: run.folder,
      name: shownName(run.name),
      group: shownName(run.group ?? ""),
      state: run.state,
    }));
    const shown = [...this.shown.values()].map((run) => run.head());
    const heads = JSON.stringify([shown, known]);
    if (heads === this.lastHeads) return;
    this.lastHeads = heads;
    this.post({ type: "runs", shown, known });
  }

  private postSettings(): void {
    if (!this.isReady) return;
    const with_ = [...this.shown.values()].flatMap(({ folder, run }) =>
      run.description === undefined
        ? []
        : [{ folder, settings: run.description.settings }],
    );
    const differences = settingsDiff(with_.map(({ settings }) => settings)).map(
      ({ name, values }) => ({
        name: shownName(name),
        values: values.map((one) => (one === null ? null : shownName(one))),
      }),
    );
    const folders = with_.map(({ folder }) => folder);
    const settings = JSON.stringify([folders, differences]);
    if (settings === this.lastSettings) return;
    this.lastSettings = settings;
    this.post({ type: "settings", folders, differences });
  }

  private post(message: ToDashboard): void {
    if (this.isReady) this.parts.post(message);
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.work.then(work);
    this.work = next.catch(() => undefined);
    return next;
  }
}

function unread(folder: string): Run {
  return { folder, name: folder.split(/[\\/]/).at(-1)!, state: "preparing" };
}
