/** An error that a person will read: it says what happened, where, and what to do. */
export class RunError extends Error {
  override name = "RunError";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
