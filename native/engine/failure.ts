import type { EngineAction } from "../../core/engine/protocol";
import { ENGINE_ERROR } from "../../core/engine/protocol";

/** An error that a person will read: what happened, and in `action` what they can do. main.ts sends it on. */
export class EngineFailure extends Error {
  override readonly name = "EngineFailure";
  /** One of ENGINE_ERROR. */
  readonly code: number;

  constructor(
    kind: keyof typeof ENGINE_ERROR,
    message: string,
    readonly action: EngineAction,
  ) {
    super(message);
    this.code = ENGINE_ERROR[kind];
  }
}
