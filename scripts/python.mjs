// @ts-check
// The Python package's environments (python/.venv, python/.venv-ray) and its tests. Where the wheels cannot be had, the tests are skipped and
// the summary says why.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { findProgram } from "./setup.mjs";
import { root } from "./steps.mjs";

const folder = join(root, "python");

/** Environments, by the optional dependencies of pyproject.toml that they have beside the others. */
const ENVIRONMENTS = {
  test: { place: ".venv", given: "FORKSIGHT_PYTHON" },
  ray: { place: ".venv-ray", given: "FORKSIGHT_RAY_PYTHON" },
};

/** The oldest Python that will do; newest first among those that a PATH may have. */
const OLDEST = [3, 11];
const NAMES = ["python3.13", "python3.12", "python3.11", "python3", "python"];
/** Milliseconds for an installation: what takes longer is no wheel from a disk or a near index. */
const INSTALL_LIMIT = 420_000;
/** Of an index that cannot be reached: pip would try it again for minutes, for each requirement. */
const PIP = { PIP_RETRIES: "0", PIP_DISABLE_PIP_VERSION_CHECK: "1" };

/**
 * A Python with everything that the package and its tests need, made where it is not there yet; or why there is none.
 * FORKSIGHT_PYTHON, or FORKSIGHT_RAY_PYTHON, may name one that has it all.
 * @param {keyof typeof ENVIRONMENTS} extra
 * @returns {{python: string} | {obstacle: string}}
 */
export function pythonEnvironment(extra = "test") {
  const given = process.env[ENVIRONMENTS[extra].given];
  if (given) return { python: given };
  const environment = join(folder, ENVIRONMENTS[extra].place);
  const stamp = join(environment, "forksight-stamp.txt");
  const interpreter = join(
    environment,
    ...(process.platform === "win32"
      ? ["Scripts", "python.exe"]
      : ["bin", "python"]),
  );
  const base = findPython();
  if (base === undefined)
    return { obstacle: `no Python ${OLDEST.join(".")} or newer on the PATH` };
  const wanted = createHash("sha256")
    .update(
      `${base.version} ${readFileSync(join(folder, "pyproject.toml"), "utf8")}`,
    )
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted)
    return { python: interpreter };
  const failure = install(base.path, extra, environment, interpreter);
  if (failure !== undefined) return { obstacle: failure };
  writeFileSync(stamp, wanted);
  return { python: interpreter };
}

/**
 * Runs style and tests.
 * @param {string} python
 * @param {string} report where the JUnit file goes
 * @returns {{ok: boolean, counts: {passed: number, failed: number, skipped: number}}}
 */
export function runPythonTests(python, report) {
  const run = (/** @type {string[]} */ ...args) => {
    const { status, error } = spawnSync(python, args, {
      cwd: folder,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, PYTHONPATH: join(folder, "src") },
    });
    if (error)
      console.error(`${python} could not be started: ${error.message}`);
    return status === 0;
  };
  const style =
    run("-m", "ruff", "check", ".") &&
    run("-m", "ruff", "format", "--check", ".");
  const tested = run("-m", "pytest", `--junitxml=${report}`);
  return { ok: style && tested, counts: countsOf(report) };
}

/** @returns {{path: string, version: string} | undefined} */
function findPython() {
  for (const name of NAMES) {
    const path = findProgram([name]);
    if (path === undefined) continue;
    // A name on the PATH may be a shim without anything behind it.
    const asked = spawnSync(
      path,
      [
        "-c",
        "import sys, venv, ensurepip; print(*sys.version_info[:3], sep='.')",
      ],
      { encoding: "utf8", timeout: 20_000 },
    );
    const version = asked.status === 0 ? asked.stdout.trim() : "";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major === OLDEST[0] && minor >= OLDEST[1]) return { path, version };
  }
  return undefined;
}

/**
 * Makes an environment anew.
 * @param {string} base the Python to make it with
 * @param {keyof typeof ENVIRONMENTS} extra
 * @param {string} environment
 * @param {string} interpreter
 * @returns {string | undefined} why that was not possible
 */
function install(base, extra, environment, interpreter) {
  const begin = performance.now();
  const left = () =>
    Math.round(Math.max(1000, INSTALL_LIMIT - (performance.now() - begin)));
  rmSync(environment, { recursive: true, force: true });
  const made = attempt(base, ["-m", "venv", environment], left());
  if (made !== undefined) return `an environment could not be made: ${made}`;
  console.log("  installing the Python package's requirements (minutes)");
  const requirements = JSON.parse(
    spawnSync(interpreter, ["-c", LIST_REQUIREMENTS, extra], {
      cwd: folder,
      encoding: "utf8",
    }).stdout,
  );
  const uv = findProgram(["uv"]);
  const byUv =
    uv &&
    attempt(
      uv,
      ["pip", "install", "--quiet", "--python", interpreter, ...requirements],
      left(),
    );
  // uv knows nothing of what pip is configured for, so pip has the last word.
  if (uv && byUv === undefined) return undefined;
  const failed = attempt(
    interpreter,
    [
      ...["-m", "pip", "install", "--quiet", "--no-compile"],
      ...["--only-binary", ":all:", ...requirements],
    ],
    left(),
  );
  if (failed === undefined) return undefined;
  rmSync(environment, { recursive: true, force: true });
  return `its requirements could not be installed: ${failed}`;
}

/** The package's requirements with some optional ones, as JSON. */
const LIST_REQUIREMENTS = `
import json, sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(json.dumps(project["dependencies"] + project["optional-dependencies"][sys.argv[1]]))
`;

/**
 * @param {string} program
 * @param {string[]} args
 * @param {number} timeout
 * @returns {string | undefined} undefined where it succeeded
 */
function attempt(program, args, timeout) {
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    timeout,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...PIP },
  });
  if (status === 0) return undefined;
  if (error !== undefined && "code" in error && error.code === "ETIMEDOUT")
    return `it took longer than ${INSTALL_LIMIT / 60_000} minutes`;
  const lines = (stderr ?? String(error)).trim().split("\n");
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
}

/**
 * @param {string} report
 * @returns {{passed: number, failed: number, skipped: number}}
 */
function countsOf(report) {
  const text = existsSync(report) ? readFileSync(report, "utf8") : "";
  const suite = /<testsuite [^>]*>/.exec(text)?.[0] ?? "";
  const count = (/** @type {string} */ name) =>
    Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const [failed, skipped] = [
    count("failures") + count("errors"),
    count("skipped"),
  ];
  return { passed: count("tests") - failed - skipped, failed, skipped };
}
