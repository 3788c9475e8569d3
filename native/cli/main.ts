#!/usr/bin/env node
/** The command line: `forksight annotate FILE`, `train RUN`, `resume FOLDER`, `adapter IN OUT`, `import PATH`. Exit codes: 0, 1 for an error in the input, 2 for wrong usage. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageOf } from "../errorMessage";
import { adapterCommand } from "./adapter";
import { annotateFile } from "./annotateFile";
import { HELP, parseCommand } from "./arguments";
import { importCommand } from "./import";
import { isTrainCommand, trainCommand } from "./train";
import { UsageError } from "./usageError";

const INPUT_ERROR = 1;
const WRONG_USAGE = 2;
/** As shells have it: 128 and the number of SIGINT. */
const INTERRUPTED = 130;

const beside = (path: string): string =>
  fileURLToPath(new URL(path, import.meta.url));

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (isTrainCommand(args)) return trainCommand(args, ownVersion());
  process.stdout.on("error", stopWithReader);
  if (args[0] === "adapter") {
    await write(await adapterCommand(args.slice(1)));
    return 0;
  }
  if (args[0] === "import") {
    await write(await importCommand(args.slice(1), ownVersion()));
    return 0;
  }
  const command = parseCommand(args);
  if (command.kind === "help") {
    await write(HELP);
    return 0;
  }
  if (command.kind === "version") {
    await write(`${ownVersion()}\n`);
    return 0;
  }
  const abort = new AbortController();
  process.once("SIGINT", () => {
    abort.abort();
  });
  try {
    const output = await annotateFile(command.arguments, {
      engineFile: beside("./engine.mjs"),
      pocketModel: beside("../models/pocket.gguf"),
      stdoutIsTerminal: process.stdout.isTTY,
      stderrIsTerminal: process.stderr.isTTY,
      colour: (process.env["NO_COLOR"] ?? "") === "",
      writeError: (text) => process.stderr.write(text),
      signal: abort.signal,
    });
    await write(output);
    return 0;
  } catch (error) {
    if (abort.signal.aborted) {
      return INTERRUPTED;
    }
    throw error;
  }
}

/** Waits until all is written: a pipe takes only some of a long annotation at once. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error == null) {
        resolve();
      } else {
        reject(error);
      }
    });
  });
}

// A reader that has seen enough (`| head`) is no error.
function stopWithReader(error: NodeJS.ErrnoException): void {
  process.exit(error.code === "EPIPE" ? 0 : INPUT_ERROR);
}

function ownVersion(): string {
  const text = readFileSync(beside("../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = messageOf(error);
    const oneLine = message.replace(/\s*[\r\n]+\s*/g, " ");
    if (error instanceof UsageError) {
      process.stderr.write(`forksight: ${oneLine} Try --help.\n`);
      process.exitCode = WRONG_USAGE;
    } else {
      process.stderr.write(`forksight: ${oneLine}\n`);
      process.exitCode = INPUT_ERROR;
    }
  },
);
