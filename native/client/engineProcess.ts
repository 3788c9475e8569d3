import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import {
  IPCMessageReader,
  IPCMessageWriter,
  createMessageConnection,
} from "vscode-jsonrpc/node";
import type { MessageConnection } from "vscode-jsonrpc/node";
import { TERMINATION_GRACE } from "./timeLimits";

/** How the engine is started. */
export interface EngineLaunch {
  /** Path of dist/engine.mjs. */
  readonly engineFile: string;
  /** The Node or Electron binary; this process's own by default. */
  readonly execPath?: string | undefined;
  /** Variables added to this process's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly log: (line: string) => void;
}

/** Lines of the engine's own output that a message about its death may quote. */
const LAST_LINES = 20;

/** One life of the engine process: its IPC connection, its output, its end. */
export class EngineProcess {
  readonly connection: MessageConnection;
  /** Resolves once the process is gone, with a phrase that says how. Never rejects. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly lastLines: string[] = [];
  private over = false;
  private killTimer: NodeJS.Timeout | undefined;

  constructor(launch: EngineLaunch) {
    this.child = fork(launch.engineFile, [], {
      execPath: launch.execPath ?? process.execPath,
      execArgv: [],
      env: { ...process.env, ...launch.env, ELECTRON_RUN_AS_NODE: "1" },
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (!this.over) {
          this.over = true;
          clearTimeout(this.killTimer);
          this.connection.dispose();
          resolve(how);
        }
      };
      // "error" comes instead of "exit" where the program could not be started at all.
      this.child.once("error", (error) => {
        end(`could not be started: ${error.message}`);
      });
      this.child.once("exit", (code, signal) => {
        end(
          signal === null
            ? `ended with code ${String(code)}`
            : `was ended by ${signal}`,
        );
      });
    });
    this.connection = createMessageConnection(
      new IPCMessageReader(this.child),
      new IPCMessageWriter(this.child),
    );
    // The end of the process is reported by `ended`; what a dying channel says on top is only worth a log line.
    this.connection.onError(([error]) => {
      launch.log(`engine channel: ${error.message}`);
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      this.forward(stream, launch.log);
    }
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** What the process last wrote that reads like the reason of its death, or an empty string. */
  lastWords(): string {
    const telling = /GGML_ASSERT|error|failed|abort|terminate called|what\(\)/i;
    return (
      [...this.lastLines].reverse().find((line) => telling.test(line)) ?? ""
    );
  }

  /** SIGTERM, and SIGKILL where that does not help in time. Resolves once the process is gone. */
  async terminate(): Promise<void> {
    if (!this.over && this.killTimer === undefined) {
      this.child.kill("SIGTERM");
      this.killTimer = setTimeout(() => {
        this.child.kill("SIGKILL");
      }, TERMINATION_GRACE);
    }
    await this.ended;
  }

  private forward(stream: Readable | null, log: (line: string) => void): void {
    if (stream === null) {
      return;
    }
    createInterface({ input: stream }).on("line", (line) => {
      this.lastLines.push(line);
      if (this.lastLines.length > LAST_LINES) {
        this.lastLines.shift();
      }
      log(line);
    });
  }
}
