import { spawn } from "node:child_process";
import { mkdtemp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** Name of node-llama-cpp's CUDA package and of the folder in it; undefined where there is none for the machine. */
export function cudaPackage(
  platform: NodeJS.Platform,
  arch: string,
): string | undefined {
  if (arch !== "x64") return undefined;
  if (platform === "linux") return "linux-x64-cuda";
  return platform === "win32" ? "win-x64-cuda" : undefined;
}

/** How npm is run: replaced in tests. Resolves when it has succeeded; rejects with what it printed. */
export type RunNpm = (
  args: readonly string[],
  folder: string,
  signal: AbortSignal,
) => Promise<void>;

/**
 * Fetches a package of node-llama-cpp's with the user's own npm (which knows their registry and proxy, and checks the
 * package's integrity) and moves its libraries to `root/<name>`. Whatever was there before stays until the new ones are
 * complete.
 * @param name as `cudaPackage` gives it
 * @param version that of node-llama-cpp: library and add-on must be of one release
 * @throws Error saying what went wrong and what to do
 */
export async function installCudaPackage(
  name: string,
  version: string,
  root: string,
  signal: AbortSignal,
  runNpm: RunNpm = npm,
): Promise<void> {
  await mkdir(root, { recursive: true });
  const work = await mkdtemp(path.join(root, "install-"));
  try {
    await writeFile(path.join(work, "package.json"), '{"private": true}\n');
    const args = [
      "install",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      `@node-llama-cpp/${name}@${version}`,
    ];
    await runNpm(args, work, signal);
    const libraries = path.join(
      work,
      ...["node_modules", "@node-llama-cpp", name, "bins", name],
    );
    const target = path.join(root, name);
    await rm(target, { recursive: true, force: true });
    await rename(libraries, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Lines of npm's output that an error quotes. */
const QUOTED_LINES = 5;

async function npm(
  args: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const isWindows = process.platform === "win32";
  await new Promise<void>((resolve, reject) => {
    // On Windows npm is a script that only a shell can start; no argument of ours needs quoting.
    const child = spawn(isWindows ? "npm.cmd" : "npm", args, {
      cwd: folder,
      shell: isWindows,
      signal,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let printed = "";
    child.stderr.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? new Error(
              "Installing the CUDA back end needs npm, and there is none on the PATH. Install Node.js, start VS Code anew, and try again.",
            )
          : error,
      );
    });
    child.once("exit", (code) => {
      if (code === 0) return resolve();
      const lines = printed.trim().split("\n").slice(0, QUOTED_LINES);
      reject(
        new Error(
          `npm could not fetch the CUDA back end (exit code ${code}): ${lines.join(" ")}`,
        ),
      );
    });
  });
}
