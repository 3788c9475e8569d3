// @ts-check
// Makes a clone ready to run: npm packages, the native add-on, the bundles; on request the workbench and a browser.
//
// Usage: node scripts/setup.mjs [--workbench] [--chromium]
// Idempotent: what is up to date is left alone, and then it takes about a second.
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScriptError, failWith, root, run, step } from "./steps.mjs";
import { installWorkbench, workbenchObstacle } from "./workbench.mjs";

/** Programs that are Chromium, in order of preference. */
const CHROMIUM_NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
];

/**
 * Sets the clone up, each step with its time.
 *
 * @param {{workbench?: boolean, chromium?: boolean}} [wanted]
 * @throws {ScriptError} naming the command that failed
 */
export async function setUp({ workbench = false, chromium = false } = {}) {
  requireNode();
  if (!dependenciesAreInstalled()) {
    // No install scripts: none is needed, and node-llama-cpp's would try to download or compile.
    await step("npm packages", () => run("npm", ["ci", "--ignore-scripts"]));
  }
  await step("native add-on", () =>
    run(process.execPath, [join(root, "scripts", "build-native.mjs")]),
  );
  await step("bundles", () =>
    run(process.execPath, [join(root, "esbuild.config.mjs")], { quiet: true }),
  );
  if (workbench && workbenchObstacle() === undefined) {
    await step("workbench", installWorkbench);
  }
  if (chromium && findChromium() === undefined && mayInstallChromium()) {
    await step("Chromium (apt-get install chromium)", installChromium);
  }
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 17)) {
    throw new ScriptError(
      `Forksight needs Node.js 20.17 or newer, and this is ${process.version} (${process.execPath}).`,
    );
  }
}

/**
 * Whether node_modules holds what package-lock.json names. npm keeps a lockfile of what it installed in node_modules;
 * it lists no optional package of another platform, so those are not compared.
 */
function dependenciesAreInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = packagesOf(join(root, "package-lock.json"));
  const present = packagesOf(installed);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const found = present[path];
    return found === undefined ? optional === true : found.version === version;
  });
}

/** @returns {Record<string, {version?: string, optional?: boolean}>} */
function packagesOf(/** @type {string} */ lockfile) {
  return JSON.parse(readFileSync(lockfile, "utf8")).packages;
}

/** Absolute path of a Chromium or Chrome on the PATH; undefined where there is none. */
export function findChromium() {
  return findProgram(CHROMIUM_NAMES);
}

/**
 * Absolute path of the first of these programs that the PATH has; undefined where it has none.
 * @param {readonly string[]} names
 */
export function findProgram(names) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const endings = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  return names
    .flatMap((name) => endings.map((ending) => name + ending))
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** Only where it needs no password and no question: as root, on Debian and its kin. */
function mayInstallChromium() {
  return process.getuid?.() === 0 && findProgram(["apt-get"]) !== undefined;
}

function installChromium() {
  const install = ["install", "-y", "--no-install-recommends", "chromium"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    run("apt-get", install, { env, quiet: true });
  } catch {
    // The machine's list of packages may be absent or old.
    try {
      run("apt-get", ["update"], { env, quiet: true });
      run("apt-get", install, { env, quiet: true });
    } catch (error) {
      // Whoever needs a browser says by itself that there is none.
      console.warn(
        `  Chromium could not be installed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  await setUp({
    workbench: wanted.includes("--workbench"),
    chromium: wanted.includes("--chromium"),
  }).catch(failWith);
}
