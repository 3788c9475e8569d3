/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An error in the input: exit code 1, its message one line on stderr. */
export class InputError extends Error {
  override readonly name = "InputError";
}
