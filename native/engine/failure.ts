import { ResponseError } from "vscode-jsonrpc/node";
import type { EngineAction, EngineErrorData } from "../../core/engine/protocol";
import { ENGINE_ERROR } from "../../core/engine/protocol";

/** An error that a person will read: what happened, and in `action` what they can do. */
export class EngineFailure extends ResponseError<EngineErrorData> {
  readonly action: EngineAction;
  constructor(
    kind: keyof typeof ENGINE_ERROR,
    message: string,
    action: EngineAction,
  ) {
    super(ENGINE_ERROR[kind], message, { action });
    this.action = action;
  }
}
