/** An error that a person will read: it says what happened, where, and what to do. */
export class RunError extends Error {
  override name = "RunError";
}
