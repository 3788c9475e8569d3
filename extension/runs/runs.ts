import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { findRuns, RUNS_PLACE } from "./findRuns";
import { fingerprint, type FoundRun, readRun } from "./readRun";
import { isLive, type Run } from "./run";
import type { OpenedPlaces } from "./openedPlaces";

/** Milliseconds between two looks at the runs that are alive. */
const LIVE_PERIOD = 1500;
/** Milliseconds between two looks at everything: file watchers miss what happens on some file systems. */
const FULL_PERIOD = 10_000;
/** Milliseconds that a burst of file events may last. */
const SETTLE = 200;

/** What `Runs.onDidChange` says. */
export interface RunsChange {
  /** New ones and changed ones, as they are now. */
  readonly changed: readonly Run[];
  /** Folders of runs that are gone. */
  readonly removed: readonly string[];
}

interface Known {
  readonly run: Run;
  /** Of the files that it was read from. */
  readonly mark: string;
}

/**
 * The runs of this window: those under `.forksight/runs` of the workspace folders, and those in places that the user
 * opened. Snapshots are replaced, never changed. What is live is looked at every 1.5 seconds, the rest on file events
 * and every 10 seconds; a folder whose files have not changed is not read again.
 */
export class Runs implements vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<RunsChange>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly known = new Map<string, Known>();
  private readonly liveTimer: NodeJS.Timeout;
  private readonly fullTimer: NodeJS.Timeout;
  private watchers: vscode.Disposable[] = [];
  private settleTimer: NodeJS.Timeout | undefined;
  /** One look at a time; the next begins when this is over. */
  private looking: Promise<void> = Promise.resolve();

  readonly onDidChange = this.emitter.event;

  constructor(private readonly opened: OpenedPlaces) {
    this.subscriptions = [
      this.emitter,
      opened.onDidChange(() => this.rewatch()),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.rewatch()),
    ];
    this.liveTimer = setInterval(() => void this.lookAtLive(), LIVE_PERIOD);
    this.fullTimer = setInterval(() => void this.refresh(), FULL_PERIOD);
    this.rewatch();
  }

  /** Newest first, by when they were created. */
  all(): readonly Run[] {
    return [...this.known.values()]
      .map(({ run }) => run)
      .sort((a, b) => createdOf(b).localeCompare(createdOf(a)));
  }

  /** @param folder absolute path */
  get(folder: string): Run | undefined {
    return this.known.get(folder)?.run;
  }

  /** Whether a group's runs are, or would be, among these. @param folder absolute path of the group */
  covers(folder: string): boolean {
    return (
      this.places().includes(dirname(folder)) ||
      [...this.known.keys()].some((run) => dirname(run) === folder)
    );
  }

  /** Looks at all places now; resolves once what is there is known. */
  refresh(): Promise<void> {
    return this.look(async () => {
      const found = new Map<string, FoundRun>();
      const all = await Promise.all(this.places().map(findRuns));
      for (const one of all.flat())
        if (!found.has(one.folder)) found.set(one.folder, one);
      const removed = [...this.known.keys()].filter(
        (folder) => !found.has(folder),
      );
      for (const folder of removed) this.known.delete(folder);
      await this.read([...found.values()], removed);
    });
  }

  dispose(): void {
    clearInterval(this.liveTimer);
    clearInterval(this.fullTimer);
    clearTimeout(this.settleTimer);
    for (const one of [...this.watchers, ...this.subscriptions]) one.dispose();
  }

  /** Absolute paths of the folders in which runs are looked for. */
  private places(): string[] {
    const inWorkspace = (vscode.workspace.workspaceFolders ?? [])
      .filter(({ uri }) => uri.scheme === "file")
      .map(({ uri }) => join(uri.fsPath, ...RUNS_PLACE));
    return [...inWorkspace, ...this.opened.all()];
  }

  private lookAtLive(): Promise<void> {
    const live = [...this.known.values()].filter(({ run }) => isLive(run));
    if (live.length === 0) return Promise.resolve();
    return this.look(async () => {
      await this.read(live.map(({ run }) => run));
      // Its folder may just be gone, which only a look at everything tells.
      const lost = live.some(
        ({ run }) => this.get(run.folder)?.state === "unreadable",
      );
      if (lost) this.refreshSoon();
    });
  }

  private look(what: () => Promise<void>): Promise<void> {
    this.looking = this.looking.then(what, what);
    return this.looking;
  }

  private async read(
    found: readonly FoundRun[],
    removed: readonly string[] = [],
  ): Promise<void> {
    const read = await Promise.all(
      found.map(async (one) => {
        const before = this.known.get(one.folder);
        const mark = await fingerprint(one.folder);
        // A heartbeat that stops changes no file: what is live is judged anew each time.
        if (before?.mark === mark && !isLive(before.run)) return undefined;
        const run = await readRun(one);
        this.known.set(one.folder, { run, mark });
        const same = before?.mark === mark && before.run.state === run.state;
        return same ? undefined : run;
      }),
    );
    const changed = read.filter((run) => run !== undefined);
    if (changed.length > 0 || removed.length > 0)
      this.emitter.fire({ changed, removed });
  }

  private rewatch(): void {
    for (const one of this.watchers) one.dispose();
    this.watchers = this.places().map((place) => {
      const watcher = vscode.workspace.createFileSystemWatcher(
        new vscode.RelativePattern(
          vscode.Uri.file(place),
          "**/{run,status}.json",
        ),
      );
      const soon = () => this.refreshSoon();
      watcher.onDidCreate(soon);
      watcher.onDidDelete(soon);
      watcher.onDidChange((uri) => {
        const run = this.get(vscode.Uri.joinPath(uri, "..").fsPath);
        // Live ones are looked at anyway.
        if (run === undefined || !isLive(run)) soon();
      });
      return watcher;
    });
    void this.refresh();
  }

  private refreshSoon(): void {
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => void this.refresh(), SETTLE);
  }
}

function createdOf(run: Run): string {
  return run.description?.created ?? "";
}
