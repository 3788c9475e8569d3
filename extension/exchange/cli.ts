/** `dist/cli.mjs` as a child process: file work that must not block the window. Nothing of VS Code here. */
import { spawn } from "node:child_process";

/** Characters of its output that are kept; its answers are a few lines. */
const LONGEST_OUTPUT = 1 << 20;

export class Cli {
  /** @param file absolute path of dist/cli.mjs */
  constructor(private readonly file: string) {}

  /**
   * Runs a command to its end.
   * @param signal kills the process
   * @returns what it wrote to standard output
   * @throws Error with the command's own words where it fails; the signal's reason
   */
  run(args: readonly string[], signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const child = spawn(process.execPath, [this.file, ...args], {
        windowsHide: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
      });
      const kill = () => child.kill("SIGKILL");
      signal.addEventListener("abort", kill);
      let output = "";
      let words = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(0, LONGEST_OUTPUT);
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-LONGEST_OUTPUT);
      });
      const fail = (error: Error) => {
        signal.removeEventListener("abort", kill);
        reject(signal.aborted ? (signal.reason as Error) : error);
      };
      child.once("error", (error) =>
        fail(
          new Error(
            `Forksight's command line did not start: ${error.message}.`,
          ),
        ),
      );
      // "close", and not "exit": only then is all of the output here.
      child.once("close", (code, how) => {
        if (code !== 0 || signal.aborted)
          return fail(new Error(ownWords(words) ?? endOf(code, how)));
        signal.removeEventListener("abort", kill);
        resolve(output);
      });
    });
  }
}

function ownWords(words: string): string | undefined {
  const line = words
    .split("\n")
    .filter((one) => one.startsWith("forksight: "))
    .at(-1);
  return line?.replace(/^forksight: /, "");
}

function endOf(code: number | null, how: NodeJS.Signals | null): string {
  return `Forksight's command line ${how === null ? `ended with code ${code}` : `was ended by ${how}`}.`;
}
