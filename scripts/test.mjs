// @ts-check
// npm test: sets up, then checks types, style and behaviour; a summary at the end. The last line counts the tests.
//
// Usage: npm test [-- --only NAME[,NAME ...]] [--images]
//   NAME: typecheck, lint, unit, integration, python, e2e
//   --images   the end-to-end tests also renew the pictures in docs/images
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { pythonEnvironment, runPythonTests } from "./python.mjs";
import { findChromium, setUp } from "./setup.mjs";
import { ScriptError, failWith, root, seconds } from "./steps.mjs";
import { workbenchObstacle } from "./workbench.mjs";

const results = join(root, "test-results");
const bin = join(root, "node_modules");

/** @typedef {{passed: number, failed: number, skipped: number}} Counts */
/** @typedef {{name: string, ok: boolean, counts?: Counts, milliseconds: number, note?: string}} Outcome */
/** @typedef {{python: string} | {obstacle: string}} Python one that has TRL, or why there is none */

/** What is run, in this order: the quick ones first. */
const STEPS = {
  typecheck: () => types(),
  lint: () => lint(),
  unit: () => vitest("unit"),
  integration: (/** @type {Python} */ found) =>
    vitest("integration", withPython(found)),
  python: (/** @type {Python} */ found) => python(found),
  e2e: (/** @type {Python} */ found) =>
    vitest("e2e", withPython(found), endToEndObstacle()),
};

/** The steps with tests of TRL. */
const OF_TRL = ["integration", "python", "e2e"];

/** Why the end-to-end tests cannot run here; undefined where they can. */
function endToEndObstacle() {
  return (
    workbenchObstacle() ??
    (findChromium() === undefined
      ? "no Chromium on the PATH, and none could be installed"
      : undefined)
  );
}

/**
 * Runs a Node.js program of a development dependency.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function node(program, args, env) {
  const { status, signal } = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  // Else a step that somebody ended would look like one that failed by itself.
  if (signal !== null) console.error(`${program} was ended by ${signal}.`);
  return status;
}

/**
 * @param {string} name
 * @param {string} program
 * @param {readonly string[]} args
 * @returns {Outcome}
 */
function check(name, program, args) {
  const begin = performance.now();
  const ok = node(program, args) === 0;
  return { name, ok, milliseconds: performance.now() - begin };
}

/** The panels run in a browser and are checked against its types; everything else against Node.js's. @returns {Outcome} */
function types() {
  const compiler = join(bin, "typescript/bin/tsc");
  return together("typecheck", [
    check("host", compiler, ["--noEmit"]),
    check("webview", compiler, ["--noEmit", "-p", "webview"]),
  ]);
}

/** @returns {Outcome} */
function lint() {
  return together("lint", [
    check("style", join(bin, "eslint/bin/eslint.js"), ["."]),
    check("format", join(bin, "prettier/bin/prettier.cjs"), ["--check", "."]),
  ]);
}

/**
 * Several checks as one outcome.
 * @param {string} name
 * @param {readonly Outcome[]} outcomes
 * @returns {Outcome}
 */
function together(name, outcomes) {
  return {
    name,
    ok: outcomes.every(({ ok }) => ok),
    milliseconds: outcomes.reduce((sum, one) => sum + one.milliseconds, 0),
  };
}

/** For tests that run the package forksight_trl. @param {Python} found */
function withPython(found) {
  return "python" in found ? { FORKSIGHT_PYTHON: found.python } : {};
}

/**
 * Runs one of Vitest's projects and counts its tests.
 * @param {string} project
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [obstacle] why its tests must skip themselves
 * @returns {Outcome}
 */
function vitest(project, env = {}, obstacle) {
  const begin = performance.now();
  const report = join(results, `${project}.json`);
  const status = node(
    join(bin, "vitest/vitest.mjs"),
    [
      ...["run", "--project", project, "--passWithNoTests"],
      ...["--reporter", "default", "--reporter", "json"],
      ...["--outputFile.json", report],
    ],
    obstacle === undefined ? env : { ...env, FORKSIGHT_E2E_OBSTACLE: obstacle },
  );
  return {
    name: project,
    ok: status === 0,
    counts: countsOf(report),
    milliseconds: performance.now() - begin,
    ...(obstacle === undefined ? {} : { note: `skipped: ${obstacle}` }),
  };
}

/** The Python package, where its requirements can be had. @param {Python} found @returns {Outcome} */
function python(found) {
  const begin = performance.now();
  const { ok, counts } =
    "python" in found
      ? runPythonTests(found.python, join(results, "python.xml"))
      : { ok: true, counts: { passed: 0, failed: 0, skipped: 0 } };
  return {
    name: "python",
    ok,
    counts,
    milliseconds: performance.now() - begin,
    ...("obstacle" in found && { note: `skipped, because ${found.obstacle}` }),
  };
}

/**
 * @param {string} report
 * @returns {Counts}
 */
function countsOf(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } =
    JSON.parse(readFileSync(report, "utf8"));
  return {
    passed: numPassedTests,
    failed: numFailedTests,
    skipped: numPendingTests + numTodoTests,
  };
}

/**
 * @param {readonly Outcome[]} outcomes
 * @returns {Counts} a step that failed with no failing test (types, style, a suite that did not load) counts as one
 */
function total(outcomes) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { ok, counts } of outcomes) {
    sum.passed += counts?.passed ?? 0;
    sum.skipped += counts?.skipped ?? 0;
    sum.failed += Math.max(counts?.failed ?? 0, ok ? 0 : 1);
  }
  return sum;
}

/** @param {readonly Outcome[]} outcomes */
function summarize(outcomes) {
  console.log("\nSummary");
  for (const { name, ok, counts, milliseconds, note } of outcomes) {
    const numbers =
      counts === undefined
        ? ""
        : `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
    console.log(
      `  ${ok ? "ok    " : "FAILED"} ${name.padEnd(12)} ${seconds(milliseconds).padStart(8)}  ${numbers}${note === undefined ? "" : ` (${note})`}`,
    );
  }
}

/**
 * @param {boolean} endToEnd
 * @returns {Promise<Outcome>}
 */
async function prepared(endToEnd) {
  const begin = performance.now();
  const ok = await setUp({ workbench: endToEnd, chromium: endToEnd }).then(
    () => true,
    (error) => {
      failWith(error);
      return false;
    },
  );
  return { name: "set-up", ok, milliseconds: performance.now() - begin };
}

function readOptions() {
  try {
    return parseArgs({
      options: { only: { type: "string" }, images: { type: "boolean" } },
    }).values;
  } catch (error) {
    throw new ScriptError(
      `${error instanceof Error ? error.message : error}. npm test -- takes --only STEP,STEP and --images.`,
    );
  }
}

/** @returns {(keyof typeof STEPS)[]} */
function chosenSteps() {
  const all = /** @type {(keyof typeof STEPS)[]} */ (Object.keys(STEPS));
  const values = readOptions();
  if (values.images) process.env.FORKSIGHT_IMAGES = "1";
  if (values.only === undefined) return all;
  const names = values.only.split(",");
  const unknown = names.find((name) => !(name in STEPS));
  if (unknown !== undefined) {
    throw new ScriptError(
      `--only ${unknown}: there is no such step. Steps: ${all.join(", ")}.`,
    );
  }
  return all.filter((name) => names.includes(name));
}

async function main() {
  const chosen = chosenSteps();
  const endToEnd = chosen.includes("e2e");
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const outcomes = [await prepared(endToEnd)];
  if (!outcomes[0].ok) chosen.length = 0;
  const found = chosen.some((name) => OF_TRL.includes(name))
    ? pythonEnvironment()
    : { obstacle: "no step needs it" };
  for (const name of chosen) {
    console.log(`\n== ${name}`);
    outcomes.push(STEPS[name](found));
  }
  summarize(outcomes);
  const { passed, failed, skipped } = total(outcomes);
  if (outcomes.some(({ ok }) => !ok)) process.exitCode = 1;
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
}

await main().catch(failWith);
