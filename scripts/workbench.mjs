// @ts-check
// The bundled workbench: a stock VS Code server (workbench/), for those who have no VS Code at hand and for the tests.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { URLSearchParams } from "node:url";
import {
  ScriptError,
  hashOf,
  isRemembered,
  remember,
  root,
  run,
  seconds,
} from "./steps.mjs";

const folder = join(root, "workbench");
const modules = join(folder, "node_modules");
const vscode = join(modules, "code-server", "lib", "vscode");

/** How long a server may take until it answers. */
const START_LIMIT_MS = 120_000;

/** The Node.js 24 that the server needs, from npm, whatever Node runs this script. */
export const workbenchNode = join(
  modules,
  `node-linux-${process.arch}`,
  "bin",
  "node",
);

/** code-server's own command, which installs a .vsix as users of code-server do. */
export const codeServerEntry = join(
  modules,
  "code-server",
  "out",
  "node",
  "entry.js",
);

/** Settings that keep the workbench quiet; nothing of it asks the network. */
export const QUIET_SETTINGS = {
  "security.workspace.trust.enabled": false,
  "workbench.startupEditor": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.tips.enabled": false,
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  // No extension of the workbench runs in the browser; the second host would only cost time.
  "extensions.webWorker": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
};

/** Why the bundled workbench cannot run on this machine; undefined where it can. */
export function workbenchObstacle() {
  const { platform, arch } = process;
  return platform === "linux" && (arch === "x64" || arch === "arm64")
    ? undefined
    : `the bundled workbench runs on Linux (x64, arm64) only, and this is ${platform} ${arch}: use a VS Code of your own`;
}

/**
 * Installs the workbench where its lockfile or set-up changed since the last time (about 300 MB, 20 s to 2 minutes).
 * @returns {boolean} whether anything had to be done
 */
export function installWorkbench() {
  const key = hashOf([
    join(folder, "package-lock.json"),
    join(folder, "setup.mjs"),
  ]);
  if (isRemembered("workbench", key) && existsSync(vscode)) return false;
  // Warnings are hidden: npm says of every package that it wants Node 24, which is what workbenchNode is.
  run("npm", ["ci", "--ignore-scripts", "--loglevel=error"], { cwd: folder });
  run(process.execPath, ["setup.mjs"], { cwd: folder });
  remember("workbench", key);
  return true;
}

/** A TCP port of the loopback address that is free at this moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(undefined));
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") {
    throw new ScriptError("no free TCP port on 127.0.0.1");
  }
  return address.port;
}

/**
 * A running workbench server.
 * @typedef {object} WorkbenchServer
 * @property {number} port
 * @property {number} pid leader of the server's process group
 * @property {string} logFile what the server printed
 * @property {Promise<void>} ended resolves when the server has ended, for whatever reason
 * @property {(folder: string, options?: {extension?: string, open?: readonly string[]}) => string} url address that
 *   opens a folder, with an extension run from its source folder and files opened
 * @property {() => Promise<void>} stop ends the server and all that it started
 */

/**
 * Starts the server, and returns once it answers.
 *
 * @param {object} options
 * @param {string} options.dataFolder profile, extensions and logs; made where absent
 * @param {number} [options.port] a free one where absent
 * @param {Record<string, unknown>} [options.settings] user settings beside QUIET_SETTINGS; undefined removes one
 * @param {boolean} [options.keepSettings] leave a settings.json that exists as it is
 * @param {string} [options.linked] source folder of an extension to run as if it were installed
 * @param {boolean} [options.driver] VS Code's test driver: lets the address name an extension's source folder, and
 *   switches notification toasts off
 * @param {NodeJS.ProcessEnv} [options.env] variables beside this process's own
 * @returns {Promise<WorkbenchServer>}
 * @throws {ScriptError} with the server's output where it does not start
 */
export async function startServer({
  dataFolder,
  port,
  settings = {},
  keepSettings = false,
  linked,
  driver = false,
  env = {},
}) {
  const chosenPort = port ?? (await freePort());
  const userData = join(dataFolder, "data");
  writeSettings(join(userData, "User"), settings, keepSettings);
  const extensions = join(dataFolder, "extensions");
  if (linked !== undefined) linkExtension(extensions, linked);
  const logFile = join(dataFolder, "server.log");
  const log = openSync(logFile, "w");
  const child = spawn(
    process.execPath,
    [
      join(root, "scripts", "supervise.mjs"),
      workbenchNode,
      join(vscode, "out", "server-main.js"),
      ...["--host", "127.0.0.1", "--port", String(chosenPort)],
      "--without-connection-token",
      "--accept-server-license-terms",
      ...["--telemetry-level", "off"],
      ...["--server-data-dir", dataFolder, "--user-data-dir", userData],
      ...["--extensions-dir", extensions],
      // Without it a built workbench ignores extensionDevelopmentPath in its address.
      ...(driver ? ["--enable-smoke-test-driver"] : []),
    ],
    {
      detached: true,
      stdio: ["pipe", log, log],
      env: serverEnvironment(env),
    },
  );
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.stdin?.end();
    await ended;
  };

  const answered = await Promise.race([
    answers(`http://127.0.0.1:${chosenPort}/version`),
    ended.then(() => false),
  ]);
  if (!answered) {
    await stop();
    throw new ScriptError(
      `The workbench's server did not start on port ${chosenPort}. It printed:\n${readFileSync(logFile, "utf8").slice(-2000)}`,
    );
  }
  return {
    port: chosenPort,
    pid: /** @type {number} */ (child.pid),
    logFile,
    ended,
    stop,
    url: (folder, { extension, open = [] } = {}) =>
      address(chosenPort, folder, extension, open),
  };
}

/** Tries until the address answers with 200; false when START_LIMIT_MS have passed. */
async function answers(/** @type {string} */ url) {
  const limit = Date.now() + START_LIMIT_MS;
  while (Date.now() < limit) {
    try {
      const response = await fetch(url);
      if (response.ok) return true;
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
  console.error(`no answer within ${seconds(START_LIMIT_MS)}: ${url}`);
  return false;
}

/**
 * @param {string} userFolder
 * @param {Record<string, unknown>} settings
 * @param {boolean} keep
 */
function writeSettings(userFolder, settings, keep) {
  const path = join(userFolder, "settings.json");
  mkdirSync(userFolder, { recursive: true });
  if (keep && existsSync(path)) return;
  writeFileSync(
    path,
    `${JSON.stringify({ ...QUIET_SETTINGS, ...settings }, undefined, 2)}\n`,
  );
}

/**
 * Makes a source folder an installed extension, so that a rebuilt bundle needs only a reload of the window.
 * @param {string} extensions the server's extensions folder; what else is installed there is forgotten
 * @param {string} source
 */
function linkExtension(extensions, source) {
  const { name, publisher, version } = JSON.parse(
    readFileSync(join(source, "package.json"), "utf8"),
  );
  const id = `${publisher}.${name}`;
  const relativeLocation = `${id}-${version}`;
  const link = join(extensions, relativeLocation);
  mkdirSync(extensions, { recursive: true });
  rmSync(link, { recursive: true, force: true });
  symlinkSync(source, link, "junction");
  const entry = {
    identifier: { id },
    version,
    location: { $mid: 1, path: link, scheme: "file" },
    relativeLocation,
  };
  writeFileSync(join(extensions, "extensions.json"), JSON.stringify([entry]));
}

/**
 * No extension gallery, and nothing of a VS Code in whose terminal this may run.
 * @param {NodeJS.ProcessEnv} extra
 */
function serverEnvironment(extra) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("VSCODE_") && name !== "ELECTRON_RUN_AS_NODE",
  );
  return {
    ...Object.fromEntries(inherited),
    EXTENSIONS_GALLERY: "{}",
    ...extra,
  };
}

/**
 * @param {number} port
 * @param {string} folder
 * @param {string | undefined} extension
 * @param {readonly string[]} open
 */
function address(port, folder, extension, open) {
  const remote = (/** @type {string} */ path) =>
    `vscode-remote://127.0.0.1:${port}${encodeURI(path)}`;
  const payload = [
    ...(extension === undefined
      ? []
      : [["extensionDevelopmentPath", remote(extension)]]),
    ...open.map((path) => ["openFile", remote(path)]),
  ];
  const query = new URLSearchParams({ folder });
  if (payload.length > 0) query.set("payload", JSON.stringify(payload));
  return `http://127.0.0.1:${port}/?${query}`;
}
