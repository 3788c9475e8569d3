import { ENGINE_ERROR } from "../../core/engine/protocol";
import type { EngineAction } from "../../core/engine/protocol";

/** An error of the engine as its client sees it: `message` says what happened, `action` what the user can do. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  constructor(
    /** One of ENGINE_ERROR, or a code of JSON-RPC. */
    readonly code: number,
    message: string,
    readonly action: EngineAction,
  ) {
    super(message);
  }
}

/** The error with which an aborted request rejects, named as the platform names it. */
export function abortError(): Error {
  const error = new Error("The request was cancelled.");
  error.name = "AbortError";
  return error;
}

/** Whether a request ended because its caller aborted it: nothing to show. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** The engine process ended while it worked on a request. */
export function diedError(message: string): EngineError {
  return new EngineError(ENGINE_ERROR.engineDied, message, "retry");
}
