/** What is wrong with bytes that another program wrote, for a person: the file's name stands before it. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}
