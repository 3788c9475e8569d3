// @ts-check
// npm start: sets up, prints the sample's annotation, and opens the sample workspace in a VS Code with Forksight in it.
//
// Usage: npm start [-- --browser] [--port N] [--no-open]
//   --browser   the bundled workbench, even where there is a VS Code of one's own
//   --port N    its port; a free one where absent
//   --no-open   print the address, and open nothing
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findProgram, setUp } from "./setup.mjs";
import { POCKET_MODEL, SAMPLE_TRACE, refreshSamples } from "./sample.mjs";
import { ScriptError, failWith, root, run, stateFolder } from "./steps.mjs";
import { startServer, workbenchObstacle } from "./workbench.mjs";

/** Where a VS Code stands that is not on the PATH. */
const USUAL_PLACES = {
  darwin: [
    "/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
    join(
      process.env.HOME ?? "",
      "Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
    ),
  ],
  win32: [
    join(
      process.env.LOCALAPPDATA ?? "",
      "Programs/Microsoft VS Code/bin/code.cmd",
    ),
    join(process.env.ProgramFiles ?? "", "Microsoft VS Code/bin/code.cmd"),
  ],
};

/** The user's own VS Code; undefined where there is none. In a remote window's terminal `code` cannot run an extension from source. */
function ownVSCode() {
  if (process.env.VSCODE_IPC_HOOK_CLI !== undefined) return undefined;
  const places =
    process.platform === "darwin" || process.platform === "win32"
      ? USUAL_PLACES[process.platform]
      : [];
  return findProgram(["code"]) ?? places.find((path) => existsSync(path));
}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      browser: { type: "boolean", default: false },
      port: { type: "string" },
      "no-open": { type: "boolean", default: false },
    },
  });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (
    port !== undefined &&
    !(Number.isInteger(port) && port > 0 && port < 65536)
  ) {
    throw new ScriptError(`--port ${values.port}: a port is 1 to 65535.`);
  }
  return { browser: values.browser, open: !values["no-open"], port };
}

/** Prints the sample's annotation in the terminal: something to see, even where no editor can be opened. */
function printSample() {
  console.log(`\nsamples/${SAMPLE_TRACE}, scored by ${POCKET_MODEL}:\n`);
  run(
    process.execPath,
    [
      join(root, "dist", "cli.mjs"),
      "annotate",
      join(root, "samples", SAMPLE_TRACE),
      ...["--model", POCKET_MODEL, "--format", "ansi"],
    ],
    // Colour was asked for, though npm may stand between this and the terminal.
    { env: { ...process.env, FORCE_COLOR: "1" } },
  );
}

/**
 * @param {string} code
 * @param {string} folder
 */
function openOwnVSCode(code, folder) {
  console.log(`\nOpening ${code} with Forksight from this folder.`);
  const quote = process.platform === "win32";
  const args = [
    "--new-window",
    `--extensionDevelopmentPath=${root}`,
    folder,
    join(folder, SAMPLE_TRACE),
  ];
  // code.cmd starts only through the shell, which needs the quotes.
  const child = spawn(
    quote ? `"${code}"` : code,
    quote ? args.map((arg) => `"${arg}"`) : args,
    { stdio: "inherit", shell: quote },
  );
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) =>
      status === 0
        ? resolve(undefined)
        : reject(new ScriptError(`${code} ended with exit code ${status}.`)),
    );
  });
}

/**
 * Runs the bundled workbench until Ctrl-C.
 * @param {string} folder
 * @param {{port: number | undefined, open: boolean}} options
 */
async function runWorkbench(folder, { port, open }) {
  const dataFolder = join(stateFolder, "workbench");
  mkdirSync(dataFolder, { recursive: true });
  const server = await startServer({
    dataFolder,
    keepSettings: true,
    // Not by the address, as an extension under development: that takes the test driver, which hides notifications.
    linked: root,
    ...(port === undefined ? {} : { port }),
  });
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      asked = true;
      void server.stop();
    });
  }
  const url = server.url(folder, {
    open: [join(folder, SAMPLE_TRACE)],
  });
  console.log(
    `\nForksight is open in a VS Code in the browser:\n\n  ${url}\n\nThe workspace is a copy of samples/ in .forksight/samples. Ctrl-C ends the server.`,
  );
  if (open) openBrowser(url);
  await server.ended;
  if (!asked) {
    throw new ScriptError(
      `The workbench's server ended by itself. It printed:\n${readFileSync(server.logFile, "utf8").slice(-2000)}`,
    );
  }
  console.log("\nThe server has ended.");
}

/**
 * Opens the address where there is a screen to open it on.
 * @param {string} url
 */
function openBrowser(url) {
  const screen = process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY;
  const opener = findProgram(["xdg-open"]);
  if (process.env.CI || screen === undefined || opener === undefined) return;
  const child = spawn(opener, [url], { detached: true, stdio: "ignore" });
  // The address is on the screen already: whoever has no browser can still use it elsewhere.
  child.on("error", () => undefined);
  child.unref();
}

async function main() {
  const { browser, open, port } = parseOptions();
  const code = browser ? undefined : ownVSCode();
  const obstacle = workbenchObstacle();
  await setUp({ workbench: code === undefined });
  printSample();
  const { folder, kept } = refreshSamples();
  for (const path of kept) {
    console.log(
      `Your edited .forksight/samples/${path} was kept; delete it to get the sample back.`,
    );
  }
  if (code !== undefined) return openOwnVSCode(code, folder);
  if (obstacle !== undefined) {
    throw new ScriptError(
      `There is nothing to open the workspace with: ${obstacle}. Install VS Code, or put its command \`code\` on the PATH, and run npm start again.`,
    );
  }
  return runWorkbench(folder, { port, open });
}

await main().catch(failWith);
