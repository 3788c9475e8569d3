import { sep } from "node:path";
import * as vscode from "vscode";

const KEY = "forksight.openedRuns";

/** Folders outside `.forksight/runs` that the user opened: run folders, and folders of runs. The workspace remembers them. */
export class OpenedPlaces implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly memory: vscode.Memento) {}

  /** Absolute paths. */
  all(): readonly string[] {
    const kept = this.memory.get<unknown>(KEY);
    return Array.isArray(kept)
      ? kept.filter((one): one is string => typeof one === "string")
      : [];
  }

  /** The place through which a run is listed. @param folder absolute path of the run */
  of(folder: string): string | undefined {
    return this.all().find(
      (place) => folder === place || folder.startsWith(`${place}${sep}`),
    );
  }

  async add(places: readonly string[]): Promise<void> {
    await this.memory.update(KEY, [...new Set([...this.all(), ...places])]);
    this.changed.fire();
  }

  /** Takes them off the list; their files stay. */
  async remove(places: readonly string[]): Promise<void> {
    const left = this.all().filter((one) => !places.includes(one));
    await this.memory.update(KEY, left);
    this.changed.fire();
  }

  dispose(): void {
    this.changed.dispose();
  }
}
