// @ts-check
// What the scripts share: the repository's root, a step with its time, and running a program.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Folder of what the scripts keep between runs; git ignores it. */
export const stateFolder = join(root, ".forksight");

/** A failure whose message is all that a person needs: printed without a stack. */
export class ScriptError extends Error {}

/**
 * Seconds, as people read them.
 * @param {number} milliseconds
 */
export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * Does one step and prints its name and time.
 * @template T
 * @param {string} name
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  console.log(`- ${name} ...`);
  const begin = performance.now();
  const result = await work();
  console.log(`  ${name}: ${seconds(performance.now() - begin)}`);
  return result;
}

/**
 * Runs a program and shows its output; its standard input is closed.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean}} [options] quiet: output is shown only on failure
 * @throws {ScriptError} naming the command where it cannot start or does not exit with 0
 */
export function run(command, args, { cwd = root, env, quiet } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: env ?? process.env,
    encoding: "utf8",
    stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    // npm is a .cmd on Windows, which Node starts only through the shell.
    shell: process.platform === "win32" && command === "npm",
    maxBuffer: 64 * 1024 * 1024,
  });
  const line = [command, ...args].join(" ");
  if (result.error !== undefined) {
    throw new ScriptError(`"${line}" did not start: ${result.error.message}`);
  }
  if (result.status !== 0) {
    const output = quiet ? `\n${result.stdout}${result.stderr}` : "";
    throw new ScriptError(
      `"${line}" failed (${result.signal ?? `exit code ${result.status}`}).${output}`,
    );
  }
  return result.stdout ?? "";
}

/**
 * Hash of the contents of files; a file that is absent counts as such.
 * @param {readonly string[]} paths
 * @param {{names?: boolean}} [options] whether the paths themselves count too (they do)
 */
export function hashOf(paths, { names = true } = {}) {
  const hash = createHash("sha256");
  for (const path of paths) {
    if (names) hash.update(path);
    hash.update(existsSync(path) ? readFileSync(path) : "absent");
  }
  return hash.digest("hex");
}

/**
 * Whether `key` is what `remember` was last told under `name`.
 * @param {string} name
 * @param {string} key
 */
export function isRemembered(name, key) {
  const path = join(stateFolder, "stamps", name);
  return existsSync(path) && readFileSync(path, "utf8") === key;
}

/**
 * Notes that the work called `name` was done for `key`.
 * @param {string} name
 * @param {string} key
 */
export function remember(name, key) {
  const folder = join(stateFolder, "stamps");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), key);
}

/**
 * Ends the process with the error's message; a stack only for what nobody foresaw.
 * @param {unknown} error
 */
export function failWith(error) {
  const known = error instanceof ScriptError;
  console.error(known ? `\n${error.message}` : error);
  process.exitCode = 1;
}
