/** The processes of a server, as Linux's /proc shows them. */
import { readFileSync, readdirSync } from "node:fs";

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Arguments separated by spaces. */
  readonly commandLine: string;
}

/** All descendants of a process. */
export function descendantsOf(pid: number): Process[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .map((name) => describe(Number(name)))
    .filter((one) => one !== undefined);
  const below = (parent: number): Process[] =>
    all
      .filter((one) => one.parent === parent)
      .flatMap((one) => [one, ...below(one.pid)]);
  return below(pid);
}

/** The extension's engine processes among a server's descendants. */
export function enginesOf(serverPid: number): Process[] {
  return descendantsOf(serverPid).filter(({ commandLine }) =>
    commandLine.includes("engine.mjs"),
  );
}

/** Undefined for a process that has ended meanwhile. */
function describe(pid: number): Process | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name stands in parentheses and may hold spaces: the parent is the second field behind them.
    const [, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return {
      pid,
      parent: Number(parent),
      commandLine: commandLine.replaceAll("\0", " ").trim(),
    };
  } catch {
    return undefined;
  }
}
