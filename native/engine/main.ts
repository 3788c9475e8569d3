/**
 * The engine process: JSON-RPC over the IPC channel of whoever forked it (core/engine/protocol.ts). It ends when that
 * channel does.
 */
import {
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  ResponseError,
  createMessageConnection,
} from "vscode-jsonrpc/node";
import type { CancellationToken } from "vscode-jsonrpc/node";
import type {
  EngineErrorData,
  EngineNotifications,
  EngineRequests,
} from "../../core/engine/protocol";
import { loadAddon } from "../addon/load";
import { downloadModel } from "./download";
import { Engine } from "./engine";
import { EngineFailure } from "./failure";
import { openLlama } from "./llama";

/** Milliseconds between two notes of one request's progress. */
const PROGRESS_INTERVAL = 30;

/** As the Language Server Protocol numbers it; JSON-RPC has no code of its own for it. */
const REQUEST_CANCELLED = -32800;

if (process.send === undefined) {
  process.stderr.write(
    "The engine is started by Forksight over an IPC channel, not by hand.\n",
  );
  process.exit(2);
}

const connection = createMessageConnection(
  new IPCMessageReader(process),
  new IPCMessageWriter(process),
);

const engine = new Engine({
  openLlama: (configuration) => openLlama(loadAddon, configuration),
  notifyHealth: (health) => {
    notify("health", health);
  },
});

handle("configure", (configuration) => {
  engine.configure(configuration);
  return Promise.resolve(null);
});
handle("annotate", (params, signal) =>
  engine.annotate(params, signal, progressNotes(params.progressId)),
);
handle("describeModels", ({ paths }, signal) =>
  engine.describeModels(paths, signal),
);
handle("pieces", (params, signal) => engine.pieces(params, signal));
handle("downloadModel", async ({ address, folder, progressId }, signal) => ({
  path: await downloadModel(address, folder, progressNotes(progressId), signal),
}));
handle("unload", async () => {
  await engine.unload();
  return null;
});

// Without its parent the engine has nobody to work for. SIGKILL: an orderly exit would wait for native threads.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
connection.listen();

/** Registers a typed handler, with an AbortSignal in the place of the cancellation token. */
function handle<M extends keyof EngineRequests>(
  method: M,
  work: (
    params: EngineRequests[M]["params"],
    signal: AbortSignal,
  ) => Promise<EngineRequests[M]["result"]>,
): void {
  connection.onRequest(
    method,
    async (params: EngineRequests[M]["params"], token: CancellationToken) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => {
        abort.abort();
      });
      try {
        return await work(params, abort.signal);
      } catch (error) {
        throw responseError(error, method, abort.signal.aborted);
      }
    },
  );
}

function responseError(
  error: unknown,
  method: string,
  cancelled: boolean,
): ResponseError<EngineErrorData> {
  if (error instanceof EngineFailure) {
    return new ResponseError(error.code, error.message, {
      action: error.action,
    });
  }
  if (cancelled) {
    return new ResponseError(REQUEST_CANCELLED, "The request was cancelled.", {
      action: "none",
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  // What nobody foresaw: the log has the stack.
  process.stderr.write(
    `${method}: ${error instanceof Error ? (error.stack ?? reason) : reason}\n`,
  );
  return new ResponseError(
    ErrorCodes.InternalError,
    `The engine failed (${method}): ${reason}`,
    { action: "retry" },
  );
}

function notify<N extends keyof EngineNotifications>(
  name: N,
  value: EngineNotifications[N],
): void {
  void connection.sendNotification(name, value);
}

/** Progress notes for one request, few enough not to crowd the channel; the last one always goes out. */
function progressNotes(
  progressId: number,
): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    const now = performance.now();
    if (done >= total || now - told > PROGRESS_INTERVAL) {
      told = now;
      notify("progress", { progressId, done, total });
    }
  };
}
