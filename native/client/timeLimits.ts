import type { EngineRequests } from "../../core/engine/protocol";

/**
 * Milliseconds without any sign of life (a reply, progress, a change of health) after which a request counts as hung
 * and the engine is ended. Not a limit on the whole: a long trace reports progress with every micro-batch.
 */
export type TimeLimits = { readonly [M in keyof EngineRequests]: number };

/** Only a note to the engine; nothing is loaded. */
const CONFIGURE_LIMIT = 30_000;
/** One micro-batch of a large model on a slow CPU can take minutes. */
const ANNOTATE_LIMIT = 300_000;
/** Reads headers only, but opens the back ends first. */
const DESCRIBE_LIMIT = 120_000;
/** A stalled connection. */
const DOWNLOAD_LIMIT = 120_000;
/** Waits for the request in front of it, which may load a model. */
const PIECES_LIMIT = 300_000;
/** Waits for a micro-batch in flight. */
const UNLOAD_LIMIT = 300_000;

export const DEFAULT_TIME_LIMITS: TimeLimits = {
  configure: CONFIGURE_LIMIT,
  annotate: ANNOTATE_LIMIT,
  describeModels: DESCRIBE_LIMIT,
  downloadModel: DOWNLOAD_LIMIT,
  pieces: PIECES_LIMIT,
  unload: UNLOAD_LIMIT,
};

/** Milliseconds that the engine has to leave after SIGTERM, before SIGKILL. */
export const TERMINATION_GRACE = 2000;
