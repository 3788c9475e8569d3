/** One trainer per run folder. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isAlive, type RunStatus } from "../../core/run/folder";
import { isProcess } from "../client/liveProcess";
import { RunError } from "./runError";

const FILE = "lock";

interface Owner {
  readonly pid: number;
  readonly host: string;
}

/**
 * Takes the folder for this process; the returned function gives it back.
 *
 * A lock whose process is gone is broken. A process id may have been given to another program since, so a lock also counts
 * as left behind where the folder's heartbeat is old.
 * @throws RunError where another trainer is at work there
 */
export function lockFolder(
  folder: string,
  status: RunStatus | undefined,
): () => void {
  const path = join(folder, FILE);
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(path, "wx");
      const owner: Owner = { pid: process.pid, host: hostname() };
      writeSync(file, JSON.stringify(owner));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 2)
        throw error;
      const owner = ownerOf(path);
      if (owner && atWork(owner, status)) {
        throw new RunError(
          `A trainer is at work in ${folder} (process ${owner.pid} on ${owner.host}). Stop it first.`,
        );
      }
      rmSync(path, { force: true });
    }
  }
}

function atWork(owner: Owner, status: RunStatus | undefined): boolean {
  // Without a status, or with one of another process, the trainer is only just starting.
  const known = status?.pid === owner.pid;
  const fresh = !known || isAlive(status, Date.now());
  if (owner.host !== hostname()) return fresh && known;
  if (owner.pid === process.pid) return false;
  return fresh && isProcess(owner.pid);
}

function ownerOf(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}
