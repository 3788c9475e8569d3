import { stat } from "node:fs/promises";
import { setImmediate as breathe } from "node:timers/promises";
import { readRollout } from "../../core/run/readFolder";
import { type RolloutRow, rolloutRow } from "../../core/rollouts/rolloutRows";
import type { ReadOptions } from "../../core/traces/recordsFile";
import type { OpenFiles } from "../records/openFiles";
import { rolloutsFile } from "./runFolder";

/** Steps whose rows are kept. */
const KEPT = 3;
/** Milliseconds of reading after which others get their turn. */
const STRETCH = 15;

/** One step's rollouts, those that can be read, and what is wrong with the other lines. */
export interface StepTable {
  readonly rows: readonly RolloutRow[];
  readonly bad: readonly { readonly line: number; readonly message: string }[];
}

/** The tables of the steps that were looked at last. A file is read when its step is asked for, and no other. */
export class StepTables {
  private readonly known = new Map<
    string,
    { readonly stamp: string; readonly table: StepTable }
  >();

  constructor(private readonly files: OpenFiles) {}

  /**
   * @throws RecordsFileError where the file holds no records; errors of the file system; the signal's reason
   */
  async of(
    folder: string,
    step: number,
    { signal, onProgress }: ReadOptions,
  ): Promise<StepTable> {
    const file = rolloutsFile(folder, step);
    const { size, mtimeMs } = await stat(file);
    const stamp = `${size}:${mtimeMs}`;
    const found = this.known.get(file);
    this.known.delete(file);
    if (found?.stamp === stamp) {
      this.known.set(file, found);
      return found.table;
    }
    const records = await this.files.recordsOf(file, signal ? { signal } : {});
    const rows: RolloutRow[] = [];
    const bad: { line: number; message: string }[] = [];
    let since = performance.now();
    for (let index = 1; index <= records.count; index++) {
      const json = await records.json(index);
      if (json.kind === "error") bad.push(json);
      else {
        const read = readRollout(json.value);
        if (read.ok) rows.push(rolloutRow(index, read.value));
        else bad.push({ line: records.place(index).line, ...read });
      }
      if (performance.now() - since > STRETCH) {
        onProgress?.(index, records.count);
        await breathe();
        signal?.throwIfAborted();
        since = performance.now();
      }
    }
    const table = { rows, bad };
    this.known.set(file, { stamp, table });
    for (const oldest of this.known.keys()) {
      if (this.known.size <= KEPT) break;
      this.known.delete(oldest);
    }
    return table;
  }
}
