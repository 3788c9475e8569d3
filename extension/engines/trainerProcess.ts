/** A trainer as a process that outlives the window. Nothing of VS Code here. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, closeSync, statSync } from "node:fs";
import { open, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { shortened, visibleLine } from "../../core/panels/visibleText";
import { RUN_FOLDER } from "../../core/run/folder";

/** Milliseconds between two looks at what a trainer that is being started has written. */
const PERIOD = 100;
/** Bytes of its last words that a message may quote. */
const LAST_WORDS = 2000;
/** Characters of a line that is shown while a trainer gets ready. */
const SHOWN_LINE = 200;

export interface TrainerCommand {
  /** A program and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** Beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute path of the run folder; made where it is not there. Standard error is appended to its trainer.log. */
  readonly folder: string;
}

/**
 * Starts a trainer in a session of its own, and resolves once it is at work.
 * @param isAtWork looks into the run folder; is given the process id
 * @param signal ends the trainer that is not yet at work
 * @param onWords is given each line that the trainer has last written to standard error
 * @throws Error with what the trainer wrote to standard error where it ends before it is at work
 */
export async function startTrainer(
  { program, args, env, folder }: TrainerCommand,
  isAtWork: (pid: number) => boolean,
  signal?: AbortSignal,
  onWords?: (line: string) => void,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, RUN_FOLDER.log);
  const file = openSync(log, "a");
  const from = statSync(log).size;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      detached: true,
      windowsHide: true,
      stdio: ["ignore", "ignore", file],
      env: { ...process.env, ...env },
    });
  } finally {
    closeSync(file);
  }
  child.unref();
  let end: string | undefined;
  let code: number | null = null;
  child.once("error", (error) => {
    end = `could not be started: ${error.message}`;
  });
  child.once("exit", (status, how) => {
    code = status;
    end ??= how === null ? `ended with code ${status}` : `was ended by ${how}`;
  });
  let size = from;
  for (;;) {
    if (child.pid !== undefined && isAtWork(child.pid)) return;
    // A short run may be over between two looks.
    if (code === 0) return;
    if (end !== undefined) {
      const words = await wordsFrom(log, from);
      await removeIfEmpty(folder);
      signal?.throwIfAborted();
      throw new Error(words || `The trainer ${end}.`);
    }
    if (signal?.aborted) child.kill("SIGTERM");
    const now = statSync(log, { throwIfNoEntry: false })?.size ?? size;
    if (onWords && now > size) {
      const line = shownLine(await lastLines(log, size));
      if (line !== undefined) onWords(line);
    }
    size = now;
    await sleep(PERIOD);
  }
}

/** What was appended to the log, without the times and the program's name that its lines begin with. */
async function wordsFrom(log: string, from: number): Promise<string> {
  const lines = await lastLines(log, from);
  const own = lines.filter((line) => line.startsWith("forksight: ")).at(-1);
  return (own ?? lines.slice(-5).join("\n")).replace(/^forksight: /, "");
}

/** The last lines of what was appended to the log. */
async function lastLines(log: string, from: number): Promise<string[]> {
  const handle = await open(log, "r");
  try {
    const { size } = await handle.stat();
    const start = Math.max(from, size - LAST_WORDS);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    await handle.read(bytes, 0, bytes.length, start);
    return bytes.toString("utf8").trim().split("\n");
  } finally {
    await handle.close();
  }
}

/** Indented lines are the code that a library's warning quotes. */
function shownLine(lines: readonly string[]): string | undefined {
  const line = lines.filter((one) => /^\S/.test(one)).at(-1);
  return line && shortened(visibleLine(line), SHOWN_LINE);
}

/** A launch that failed leaves no folder behind that holds nothing but its log. */
async function removeIfEmpty(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.some((name) => name !== RUN_FOLDER.log)) return;
  await rm(join(folder, RUN_FOLDER.log), { force: true });
  await rmdir(folder);
}
