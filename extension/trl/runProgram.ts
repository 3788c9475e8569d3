import { type ChildProcess, spawn } from "node:child_process";

/** Characters of output that are kept for a message. */
const KEPT = 20_000;

export interface Program {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; the program and all that it started is ended then. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** Each line of output, as it comes. */
  readonly onLine?: (line: string) => void;
}

/** A program that did not succeed. */
export class ProgramError extends Error {
  /** @param output its last lines, of both streams */
  constructor(
    message: string,
    readonly output: string,
  ) {
    super(message);
  }
}

/**
 * Runs a program to its end.
 * @returns what it wrote to standard output
 * @throws ProgramError where it cannot be started, fails or takes too long; the signal's reason where that fires
 */
export async function runProgram({
  program,
  args,
  env,
  limit,
  signal,
  onLine,
}: Program): Promise<string> {
  signal?.throwIfAborted();
  const isWindows = process.platform === "win32";
  const child = spawn(program, args, {
    // A group of its own, so that what it starts can be ended with it.
    detached: !isWindows,
    windowsHide: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let out = "";
  let both = "";
  let isLate = false;
  const take = (text: string) => {
    both = (both + text).slice(-KEPT);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    take(text);
  });
  child.stderr.setEncoding("utf8").on("data", take);
  if (onLine) {
    forEachLine(child.stdout, onLine);
    forEachLine(child.stderr, onLine);
  }
  const end = () => endTree(child);
  const timer =
    limit === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true;
          end();
        }, limit);
  signal?.addEventListener("abort", end);
  try {
    const how = await new Promise<string | number>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, name) => resolve(code ?? name ?? "killed"));
    });
    signal?.throwIfAborted();
    if (how === 0) return out;
    throw new ProgramError(
      isLate
        ? `${program} took longer than ${Math.round(limit! / 1000)} s and was ended`
        : typeof how === "number"
          ? `${program} ended with code ${how}`
          : `${program} failed: ${how}`,
      both,
    );
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

function forEachLine(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
): void {
  let rest = "";
  stream.on("data", (text: string) => {
    const lines = (rest + text).split(/\r?\n|\r/);
    rest = lines.pop()!;
    for (const line of lines) if (line.trim() !== "") onLine(line);
  });
}

/** Ends a process and all that it started. */
function endTree({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  if (process.platform === "win32") {
    spawn("taskkill", ["/pid", String(pid), "/T", "/F"], {
      windowsHide: true,
      stdio: "ignore",
    }).on("error", () => undefined);
    return;
  }
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
