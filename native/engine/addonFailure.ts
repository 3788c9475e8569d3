import type { EngineAction, ENGINE_ERROR } from "../../core/engine/protocol";
import type { AddonError } from "../addon/binding";
import { EngineFailure } from "./failure";

/** What the add-on's codes mean to a person: the error they get, and what helps. */
const KINDS: Readonly<
  Record<string, { kind: keyof typeof ENGINE_ERROR; action: EngineAction }>
> = {
  BAD_MODEL: { kind: "badModel", action: "chooseModel" },
  UNSUPPORTED_MODEL: { kind: "unsupportedModel", action: "chooseModel" },
  OUT_OF_MEMORY: { kind: "outOfMemory", action: "lowerContext" },
  BAD_INPUT: { kind: "badInput", action: "none" },
  NO_BACK_END: { kind: "noBackEnd", action: "turnGpuOff" },
};

const ADVICE: Readonly<Partial<Record<EngineAction, string>>> = {
  chooseModel: " Choose another model.",
  lowerContext:
    " Lower forksight.contextSize, choose a smaller model, or close other programs.",
  turnGpuOff: ' Set forksight.gpu to "off" to go on with the CPU.',
};

/** The code of an error of the add-on; undefined for any other. */
export function addonCode(error: unknown): AddonError["code"] {
  return error instanceof Error ? (error as AddonError).code : undefined;
}

/** An error of the add-on as the engine sends it on; anything else comes back as it is. */
export function asFailure(error: unknown): unknown {
  const found = KINDS[addonCode(error) ?? ""];
  if (found === undefined || !(error instanceof Error)) {
    return error;
  }
  const message = error.message.replace(/\.?$/, ".");
  return new EngineFailure(
    found.kind,
    `${message}${ADVICE[found.action] ?? ""}`,
    found.action,
  );
}

/** Whether llama.cpp said that a buffer could not be had: it reports that as a failure to load. */
export function speaksOfMemory(error: unknown): boolean {
  return (
    addonCode(error) === "OUT_OF_MEMORY" ||
    (error instanceof Error &&
      /out of memory|unable to allocate|failed to allocate/i.test(
        error.message,
      ))
  );
}
